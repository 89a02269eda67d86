import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealRequest } from '../../colony/envelope.ts';
import { sign } from '../../colony/identity.ts';
import { post, urlOf } from '../support/rpc.ts';
import { differing, openWorld, readAnswer, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const base64 = (text: string) => Buffer.from(text).toString('base64');
const payload = base64('{"msgtype":"getprocessmsg","processid":"abc"}');
const notFound = { status: 404, message: 'Failed to get process, process not found' };

/** What a body is answered with; undefined for nothing. */
async function answerTo(body: string): Promise<unknown> {
  const reply = await post(world.address, body);
  return readAnswer(reply).payload;
}

const envelope = (fields: object) =>
  JSON.stringify({ payloadtype: 'getprocessmsg', payload, signature: sign(payload, world.people.user), ...fields });

describe('a body that is no envelope is refused with 400:', () => {
  test.for([
    ['', 'unexpected end of JSON input'],
    ['{"payloadtype":', 'unexpected end of JSON input'],
    ['[]', 'json: cannot unmarshal array into Go value of type rpc.RPCMsg'],
    ['"text"', 'json: cannot unmarshal string into Go value of type rpc.RPCMsg'],
    ['{"payloadtype":7}', 'json: cannot unmarshal number into Go struct field RPCMsg.payloadtype of type string'],
  ] as const)('%j', async ([body, message]) => {
    expect(await answerTo(body)).toEqual({ status: 400, message });
  });

  test('null', async () => {
    const { status } = await post(world.address, 'null');
    expect(status).toBe(differing(world, 'nothing ends a handler', { official: 500, here: 400 }));
  });

  test('and so is a payload of null', async () => {
    const nothing = base64('null');
    const body = envelope({ payload: nothing, signature: sign(nothing, world.people.user) });
    const { status } = await post(world.address, body);
    expect(status).toBe(differing(world, 'nothing ends a handler', { official: 500, here: 400 }));
  });
});

const good = (): string => sign(payload, world.people.user);
const withV = (v: string): string => `${good().slice(0, 128)}${v}`;

describe('a signature', () => {
  test('may be written in upper case, and stays good', async () => {
    // The user asks for a process that there is not; with a wrong signature it would be somebody else.
    expect(await answerTo(envelope({ signature: good().toUpperCase() }))).toEqual(notFound);
    expect(await answerTo(envelope({}))).toEqual(notFound);
  });

  test.for([
    ['that is missing', (): string => '', 'Invalid signature length'],
    ['that is short', () => good().slice(2), 'Invalid signature length'],
    ['that is no hexadecimal text', () => `zz${good().slice(2)}`, "encoding/hex: invalid byte: U+007A 'z'"],
    [
      'with r = 0',
      () => `${'0'.repeat(64)}${good().slice(64)}`,
      'Failed to recover public key: invalid signature: R is 0',
    ],
  ] as const)('%s is refused with 403', async ([, signature, message]) => {
    expect(await answerTo(envelope({ signature: signature() }))).toEqual({ status: 403, message });
  });

  test('with another v than 0 and 1 is refused with 403', async () => {
    for (const v of ['1b', 'ff']) {
      expect(await answerTo(envelope({ signature: withV(v) }))).toMatchObject({ status: 403 });
    }
    const malleable = await answerTo(envelope({ signature: withV(good().endsWith('0') ? '04' : '05') }));
    const refusal = expect.objectContaining({ status: 403 });
    expect(malleable).toEqual(differing<unknown>(world, 'v is 0 or 1', { official: notFound, here: refusal }));
  });

  test('covers the payload', async () => {
    const other = base64('{"msgtype":"getcolonymsg","colonyname":"x"}');
    const body = JSON.stringify({ payloadtype: 'getcolonymsg', payload: other, signature: good() });
    expect(await answerTo(body)).toMatchObject({ status: 403 });
  });
});

const refusalOf = async (messageType: string) =>
  answerTo(JSON.stringify(sealRequest(messageType, {}, world.people.user)));

describe('a message type', () => {
  test('that there is not is refused with 403', async () => {
    for (const type of ['nonsense', 'getnodesmsg', 'subscribeprocessmsg', '__proto__', 'constructor']) {
      expect(await refusalOf(type)).toEqual({ status: 403, message: `invalid rpcMsg.PayloadType: ${type}` });
    }
  });

  test('that is empty is refused with a hint', async () => {
    expect(await refusalOf('')).toEqual({
      status: 403,
      message:
        'invalid rpcMsg.PayloadType: empty (this usually means the client is misconfigured - check that COLONIES_PRVKEY and other environment variables are set correctly)',
    });
  });

  test('is looked at after the signature', async () => {
    expect(await answerTo(JSON.stringify(sealRequest('nonsense', {})))).toEqual({
      status: 403,
      message: 'Invalid signature length',
    });
  });
});

describe('without signature', () => {
  test('a server tells its version', async () => {
    const answer = await world.ask(undefined, 'versionmsg', { buildversion: '', buildtime: '' });
    expect(answer).toMatchObject({ status: 200, error: false, payloadtype: 'versionmsg' });
    expect(answer.payload).toEqual({
      buildversion: expect.any(String),
      buildtime: expect.any(String),
      msgtype: 'versionmsg',
    });
  });

  test('and how it is reached', async () => {
    const { payload: info } = await world.ask(undefined, 'getserverinfomsg', {});
    expect(info).toMatchObject({
      buildversion: expect.any(String),
      buildtime: expect.any(String),
      backends: [{ type: 'http', host: expect.any(String), port: expect.any(Number) }],
    });
  });
});

const get = async (path: string) => {
  const response = await fetch(urlOf(world.address, path));
  return [response.status, await response.text()];
};

describe('over HTTP', () => {
  test('a server is healthy, and has nothing elsewhere', async () => {
    expect(await get('/health')).toEqual([200, '']);
    expect(await get('/elsewhere')).toEqual([404, '404 page not found']);
    expect((await get('/pubsub'))[0]).toBe(400);
  });

  test('pages of any origin may call', async () => {
    const headers = { origin: 'https://example.org', 'access-control-request-method': 'POST' };
    const preflight = await fetch(urlOf(world.address), { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-max-age')).toBe('43200');
  });

  test('the type of the content does not matter', async () => {
    for (const type of ['application/json', 'text/plain; charset=utf-8', 'image/png']) {
      const body = JSON.stringify(sealRequest('versionmsg', {}));
      const response = await fetch(urlOf(world.address), { method: 'POST', body, headers: { 'content-type': type } });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    }
  });
});
