import { once } from 'node:events';
import { IncomingMessage, request } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { createClientAddress } from '../../server/client-address.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** Posts what a stranger has signed, with a header such as a proxy adds; tells the status. */
async function ask({ address }: TestColony, forwardedFor: string): Promise<number> {
  const { host, port } = address;
  const headers = { 'x-forwarded-for': forwardedFor };
  const outgoing = request({ host, port, path: '/api', method: 'POST', headers, agent: false });
  outgoing.end(JSON.stringify(sealRequest('getcolonymsg', { colonyname: 'test' }, generateIdentity())));
  const [incoming] = z.tuple([z.instanceof(IncomingMessage)]).parse(await once(outgoing, 'response'));
  incoming.resume();
  return incoming.statusCode ?? 0;
}

const LIMITED = { ...quick, rates: { strangerRequestsPerSecond: 1 } };

/** Uses up what an address may ask at once. */
async function exhaust(colony: TestColony, forwardedFor: string): Promise<void> {
  const statuses = await Promise.all(Array.from({ length: 30 }, () => ask(colony, forwardedFor)));
  expect(statuses).toContain(429);
}

describe('behind a trusted proxy', () => {
  test('each client has a rate of its own', async () => {
    await using colony = await startTestColony({ ...LIMITED, trustedProxies: ['127.0.0.0/8'] });
    await exhaust(colony, '192.0.2.1');
    expect(await ask(colony, '192.0.2.2')).toBe(403);
    // What a client sends itself stands before what the proxy appends.
    expect(await ask(colony, '192.0.2.3, 192.0.2.1')).toBe(429);
  });

  test('one without a readable header has the rate of the proxy', async () => {
    await using colony = await startTestColony({ ...LIMITED, trustedProxies: ['127.0.0.1'] });
    await exhaust(colony, 'unknown');
    expect(await ask(colony, '192.0.2.1, _hidden')).toBe(429);
    expect(await ask(colony, '192.0.2.1')).toBe(403);
  });
});

test.each([[undefined], [['192.0.2.7', '10.0.0.0/8']]])(
  'the header of somebody not trusted is not read (%j)',
  async (proxies) => {
    await using colony = await startTestColony({
      ...LIMITED,
      ...(proxies === undefined ? {} : { trustedProxies: proxies }),
    });
    await exhaust(colony, '192.0.2.1');
    expect(await ask(colony, '192.0.2.2')).toBe(429);
  },
);

/** A request from an address, as a server reads it. */
function requestFrom(peer: string, forwardedFor?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const incoming = new IncomingMessage(socket);
  if (forwardedFor !== undefined) incoming.headers['x-forwarded-for'] = forwardedFor;
  return incoming;
}

describe('the address of a client', () => {
  const addressOf = createClientAddress(['10.0.0.0/8', '192.0.2.9', '2001:db8::/32', '::1']);

  test.each([
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['::1', '198.51.100.1:4711', '198.51.100.1'],
    ['2001:db8::5', '[2001:dead::1]:4711', '2001:dead::1'],
    ['2001:db8::5', '2001:dead::1', '2001:dead::1'],
    ['192.0.2.9', '203.0.113.1, 198.51.100.1,10.9.9.9 , 192.0.2.9', '198.51.100.1'],
    ['192.0.2.9', '::ffff:10.9.9.9, 10.9.9.9', '::ffff:10.9.9.9'],
    ['192.0.2.9', '10.9.9.8, 10.9.9.9', '10.9.9.8'],
    ['192.0.2.9', '', '192.0.2.9'],
    ['192.0.2.9', ',', '192.0.2.9'],
    ['192.0.2.9', '198.51.100.1,', '192.0.2.9'],
    ['192.0.2.9', '198.51.100.256', '192.0.2.9'],
    ['192.0.2.9', '198.51.100.1:99999999', '192.0.2.9'],
    ['192.0.2.9', 'for=198.51.100.1', '192.0.2.9'],
    ['192.0.2.9', '198.51.100.1, unknown, 10.9.9.9', '192.0.2.9'],
    ['192.0.2.8', '198.51.100.1', '192.0.2.8'],
    ['', '198.51.100.1', ''],
  ])('%s with %j is %s', (peer, forwardedFor, address) => {
    expect(addressOf(requestFrom(peer, forwardedFor))).toBe(address);
  });

  test.each([
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '0.0.0.0/0',
    '::/0',
    '2001:db8::/129',
    '10.0.0/8',
    'fe80::1%lo',
  ])('is not read by trusting %j', (network) => {
    expect(() => createClientAddress([network])).toThrow(/^trusted proxy: expected an address such as/u);
  });
});
