import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openReply, sealRequest } from '../../colony/envelope.ts';
import { startServer } from '../../server/index.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';
import certificate from '../vectors/loopback-certificate.json' with { type: 'json' };
import renewed from '../vectors/renewed-certificate.json' with { type: 'json' };

const YEAR_MS = 365 * 86_400_000;

async function greet(colony: TestColony, options: ConnectionOptions): Promise<TLSSocket & AsyncDisposable> {
  const socket = connect({ host: '127.0.0.1', port: colony.address.port, servername: 'localhost', ...options });
  await once(socket, 'secureConnect');
  const dispose = async () => {
    socket.destroy();
    if (!socket.closed) await once(socket, 'close');
  };
  return Object.assign(socket, { [Symbol.asyncDispose]: dispose });
}

describe('a server with a certificate', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    await using colony = await startTestColony({ tls: certificate });
    await using socket = await greet(colony, { ca: certificate.cert, minVersion: version, maxVersion: version });
    expect({ version: socket.getProtocol(), authorized: socket.authorized }).toEqual({ version, authorized: true });
  });

  test('speaks no older version of TLS, and no plain HTTP', async () => {
    await using colony = await startTestColony({ tls: certificate });
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(greet(colony, { ca: certificate.cert, ...old })).rejects.toThrow(
      /version|alert|disconnected|protocol/u,
    );
    const plain = connectPlain(colony.address.port, '127.0.0.1');
    let heard = '';
    plain.on('error', () => undefined).on('data', (chunk) => (heard += chunk.toString()));
    plain.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(plain, 'close');
    expect(heard).not.toContain('HTTP/1.1 200');
  });

  test('tells of processes over WSS', async () => {
    await using colony = await startTestColony({ ...quick, tls: certificate });
    const socket = new WebSocket(`wss://127.0.0.1:${colony.address.port}/pubsub`, { ca: certificate.cert });
    await once(socket, 'open');
    const inner = { colonyname: 'test', executortype: 'worker', state: 0, timeout: 60 };
    socket.send(JSON.stringify(sealRequest('subscribeprocessesmsg', inner, colony.user)));
    const event = once(socket, 'message').then(([data]) => openReply('subscribeprocessmsg', String(data)));
    const submit = JSON.stringify(
      sealRequest(
        'submitfuncspecmsg',
        { spec: { funcname: 'f', conditions: { colonyname: 'test', executortype: 'worker' } } },
        colony.user,
      ),
    );
    await using client = await greet(colony, { ca: certificate.cert });
    client.write(`POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: ${submit.length}\r\n\r\n${submit}`);
    expect(await event).toMatchObject({ state: 0, spec: { funcname: 'f' } });
    socket.terminate();
  });

  test('shows a renewed one without a pause, and keeps the former one when the new one is unusable', async () => {
    await using colony = await startTestColony({ tls: certificate });
    await using before = await greet(colony, { ca: certificate.cert });
    colony.server.renewCertificate(renewed);
    await using after = await greet(colony, { ca: renewed.cert });
    expect([before.closed, after.authorized]).toEqual([false, true]);
    const mixed = { cert: certificate.cert, key: renewed.key };
    expect(() => colony.server.renewCertificate(mixed)).toThrow('got a key of another certificate');
    await using still = await greet(colony, { ca: renewed.cert });
    expect(still.authorized).toBe(true);
  });
});

describe('a server does not start with', () => {
  const key = createPrivateKey(certificate.key);
  const encrypted = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'word' }).toString();
  test.for([
    ['a key of another certificate', { tls: { cert: certificate.cert, key: renewed.key } }, 'of another certificate'],
    ['a key instead of the certificate', { tls: { cert: certificate.key, key: certificate.key } }, 'no certificate in'],
    ['a certificate instead of the key', { tls: { cert: certificate.cert, key: certificate.cert } }, 'no private key'],
    ['an encrypted key', { tls: { cert: certificate.cert, key: encrypted } }, 'got an encrypted one; decrypt it with'],
    [
      'an expired certificate',
      { tls: certificate, clock: () => Date.now() + 101 * YEAR_MS },
      'got one that expired at 2126-10-27T10:48:28Z',
    ],
    [
      'a certificate of the future',
      { tls: certificate, clock: () => Date.now() - 10 * YEAR_MS },
      'got one that is valid from 2026-11-20T10:48:28Z on',
    ],
  ] as const)('%s', async ([, options, words]) => {
    const started = startServer({ port: 0, databasePath: ':memory:', serverId: '0'.repeat(64), ...options });
    const refusal = await started.catch(String);
    expect(refusal).toContain(words);
    expect(refusal).not.toMatch(/-----BEGIN|MI[A-Za-z0-9+/]{20}/u);
  });
});

test('over plain HTTP there is nothing to renew', async () => {
  await using colony = await startTestColony(quick);
  colony.server.renewCertificate(renewed);
  await expect(colony.submit({}, 'worker')).resolves.toMatchObject({ state: 'waiting' });
});
