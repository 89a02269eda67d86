import { once } from 'node:events';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, sign } from '../../colony/identity.ts';
import { messages } from '../../colony/messages/index.ts';
import { handlers } from '../../server/handlers/index.ts';
import { shapeOf } from '../../server/json-shape.ts';
import { post, rpcRaw, urlOf } from '../support/rpc.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const stranger = generateIdentity();

const FailureEnvelope = z.strictObject({
  payloadtype: z.literal('error'),
  payload: z.base64(),
  error: z.literal(true),
});
const Failure = z.strictObject({ status: z.number(), message: z.string() });

/** The refusal that a body gets. Everything that refusals have in common is required here. */
async function refusal(colony: TestColony, body: string): Promise<z.output<typeof Failure>> {
  const reply = await post(colony.address, body);
  const { payload } = FailureEnvelope.parse(JSON.parse(reply.body));
  const failure = Failure.parse(JSON.parse(Buffer.from(payload, 'base64').toString()));
  if (reply.contentType !== 'text/plain; charset=utf-8' || reply.status !== failure.status) {
    throw new Error(`refusal: got ${reply.contentType} with status ${reply.status}, ${failure.status} inside`);
  }
  return failure;
}

const signed = (messageType: string, inner: object) => JSON.stringify(sealRequest(messageType, inner, stranger));
const withPayload = (payloadtype: string, payload: string) =>
  JSON.stringify({ payloadtype, payload, signature: sign(payload, stranger) });
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('an envelope is refused with 400', () => {
  test.for([
    ['', 'unexpected end of JSON input'],
    ['{"payloadtype":', 'unexpected end of JSON input'],
    ['no JSON', "invalid character 'n' looking for beginning of value"],
    ['[]', 'json: cannot unmarshal array into Go value of type rpc.RPCMsg'],
    ['null', 'json: cannot unmarshal null into Go value of type rpc.RPCMsg'],
    ['"text"', 'json: cannot unmarshal string into Go value of type rpc.RPCMsg'],
    ['{"payloadtype":7}', 'json: cannot unmarshal number into Go struct field RPCMsg.payloadtype of type string'],
  ] as const)('%j', async ([body, message]) => {
    await using colony = await startTestColony(quick);
    expect(await refusal(colony, body)).toEqual({ status: 400, message });
  });
});

describe('a payload is refused with 400', () => {
  test.for([
    ['that is no base64', '%%%%', 'Failed to get process, invalid JSON'],
    ['that is base64 of no JSON', base64('no JSON'), 'Failed to get process, invalid JSON'],
    ['that is null', base64('null'), 'Failed to get process, invalid JSON'],
    ['that is a list', base64('[]'), 'Failed to get process, invalid JSON'],
    [
      'that is meant for another message',
      base64('{"msgtype":"versionmsg","processid":"x"}'),
      'Failed to get process, msg.MsgType does not match payloadType',
    ],
    [
      'in which a field has the wrong type',
      base64('{"msgtype":"getprocessmsg","processid":7}'),
      'Failed to get process, invalid JSON',
    ],
  ] as const)('%s', async ([, payload, message]) => {
    await using colony = await startTestColony(quick);
    expect(await refusal(colony, withPayload('getprocessmsg', payload))).toEqual({ status: 400, message });
  });

  test('that lacks what it is about', async () => {
    await using colony = await startTestColony(quick);
    expect(await refusal(colony, signed('submitfuncspecmsg', {}))).toEqual({
      status: 400,
      message: 'Failed to submit process spec, msg.FunctionSpec is nil',
    });
  });
});

const deep = (levels: number) => '['.repeat(levels);
const nested = (levels: number) =>
  base64(`{"msgtype":"getprocessmsg","processid":"x","more":${deep(levels)}${']'.repeat(levels)}}`);

describe('what would take long to read is refused before it is parsed', () => {
  test('an envelope that is nested deep or has many fields', async () => {
    await using colony = await startTestColony(quick);
    const message = 'The envelope must be one JSON object with the texts payloadtype, payload and signature';
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, 0]));
    for (const body of [deep(1_000_000), `{"payloadtype":${deep(9)}`, JSON.stringify(many)]) {
      expect(await refusal(colony, body)).toEqual({ status: 400, message });
    }
  });

  test('a payload that is nested deep', async () => {
    await using colony = await startTestColony(quick);
    const message = 'Failed to get process, invalid JSON';
    expect(await refusal(colony, withPayload('getprocessmsg', nested(200)))).toEqual({ status: 400, message });
    expect(await refusal(colony, withPayload('getprocessmsg', nested(199)))).toMatchObject({ status: 404 });
  });

  test('a long payload of somebody who belongs to no colony', async () => {
    await using colony = await startTestColony(quick);
    const message = 'Access denied, not a member of any Colony of this server';
    const long = 'x'.repeat(20_000);
    expect(await refusal(colony, signed('getprocessmsg', { long }))).toEqual({ status: 403, message });
    const unsigned = JSON.stringify(sealRequest('versionmsg', { long }));
    expect(await refusal(colony, unsigned)).toEqual({ status: 403, message });
    for (const identity of [colony.user, colony.colonyOwner, colony.serverOwner]) {
      const body = JSON.stringify(sealRequest('getprocessmsg', { processid: 'x', long }, identity));
      expect(await refusal(colony, body)).toMatchObject({ status: 404 });
    }
  });
});

test('brackets and commas in texts do not count, however the texts are escaped', () => {
  const values = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Object.values(value).reduce<number>((deepest, each) => Math.max(deepest, depthOf(each)), 0)
      : 0;
  fc.assert(
    fc.property(values, (value) => {
      expect(shapeOf(JSON.stringify(value)).depth).toBe(depthOf(value));
    }),
    { seed: 20261120, numRuns: 500 },
  );
  expect(shapeOf(JSON.stringify(['\\', '",[{', '\\"[', { a: [1, 2] }]))).toMatchObject({ depth: 3, commaCount: 4 });
  expect(shapeOf('"unfinished \\')).toMatchObject({ depth: 0, commaCount: 0 });
});

describe('a signature is refused with 403', () => {
  const payload = base64('{"msgtype":"getprocessmsg","processid":"abc"}');
  const good = sign(payload, stranger);
  const flipV = (v: string) => `${good.slice(0, 128)}${v}`;
  const highS = `${good.slice(0, 64)}fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140${good.slice(128)}`;
  test.for([
    ['that is missing', '', 'Invalid signature length'],
    ['that is short', good.slice(2), 'Invalid signature length'],
    ['that is no hexadecimal text', `zz${good.slice(2)}`, "encoding/hex: invalid byte: U+007A 'z'"],
    ['with r = 0', `${'0'.repeat(64)}${good.slice(64)}`, 'Failed to recover public key: invalid signature: R is 0'],
    ['with s in the upper half', highS, 'Failed verify signature: Signature s value is over half the order'],
    [
      'with v = 27',
      flipV('1b'),
      'Failed to recover public key: invalid signature: public key recovery code 54 is not in the valid range [27, 28]',
    ],
  ] as const)('%s', async ([, signature, message]) => {
    await using colony = await startTestColony(quick);
    const body = JSON.stringify({ payloadtype: 'getprocessmsg', payload, signature });
    expect(await refusal(colony, body)).toEqual({ status: 403, message });
  });
});

test('the published envelope is accepted, with hexadecimal digits of either case, however often', async () => {
  await using colony = await startTestColony(quick);
  // Vector 3 of the protocol reference: private key of vector 1, inner JSON {"msgtype":"getprocessmsg","processid":"abc"}.
  const payload = 'eyJtc2d0eXBlIjoiZ2V0cHJvY2Vzc21zZyIsInByb2Nlc3NpZCI6ImFiYyJ9';
  const signature =
    '13510132c2244dc3bc22132788d36ded35b343d8fd39c405020f4df380e32a340378cd9036a8eb740082abe7f1f8f82879e21f65c093f6809127eb0e5aef71db01';
  for (const written of [signature, signature.toUpperCase(), signature]) {
    const body = JSON.stringify({ signature: written, unknown: 1, payloadtype: 'getprocessmsg', payload });
    expect(await refusal(colony, body)).toEqual({ status: 404, message: 'Failed to get process, process not found' });
  }
});

test('an unknown, an empty and a WebSocket-only message type are refused with 403', async () => {
  await using colony = await startTestColony(quick);
  expect(await refusal(colony, signed('getnodesmsg', {}))).toEqual({
    status: 403,
    message: 'invalid rpcMsg.PayloadType: getnodesmsg',
  });
  expect((await refusal(colony, signed('', {}))).message).toMatch(/^invalid rpcMsg.PayloadType: empty \(this usually/u);
  expect((await refusal(colony, signed('subscribeprocessmsg', {}))).status).toBe(403);
});

test('an unsigned request of an unknown type is refused for its signature', async () => {
  await using colony = await startTestColony(quick);
  const body = JSON.stringify(sealRequest('nonsense', {}));
  expect((await refusal(colony, body)).message).toBe('Invalid signature length');
});

test('version and server information need no signature', async () => {
  await using colony = await startTestColony(quick);
  expect(await rpcRaw(colony.address, undefined, 'versionmsg', {})).toMatchObject({
    buildversion: 'sealed-colonies',
    msgtype: 'versionmsg',
  });
  expect(await rpcRaw(colony.address, undefined, 'getserverinfomsg', {})).toMatchObject({
    backends: [{ type: 'http', host: '127.0.0.1', port: colony.address.port }],
  });
});

test('a reply echoes the message type and is text', async () => {
  await using colony = await startTestColony(quick);
  const { status, contentType, body } = await post(colony.address, JSON.stringify(sealRequest('versionmsg', {})));
  expect([status, contentType]).toEqual([200, 'text/plain; charset=utf-8']);
  expect(body).toMatch(/^\{"payloadtype":"versionmsg","payload":"[^"]+","error":false\}$/u);
});

test('health is empty text, pubsub wants a WebSocket, everything else is not found', async () => {
  await using colony = await startTestColony(quick);
  const get = async (path: string) => {
    const response = await fetch(urlOf(colony.address, path));
    return [response.status, await response.text(), response.headers.get('content-type')];
  };
  expect(await get('/health')).toEqual([200, '', 'text/plain; charset=utf-8']);
  expect((await get('/pubsub'))[0]).toBe(400);
  expect(await get('/elsewhere')).toEqual([404, '404 page not found', 'text/plain']);
  expect((await get('/api'))[0]).toBe(404);
});

test('pages of any origin may call', async () => {
  await using colony = await startTestColony(quick);
  const url = urlOf(colony.address);
  const headers = { origin: 'https://example.org' };
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: { ...headers, 'access-control-request-method': 'POST' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  expect(preflight.headers.get('access-control-allow-headers')).toBe(
    'Origin,Content-Length,Content-Type,Authorization,Range',
  );
  expect(preflight.headers.get('access-control-allow-methods')).toBe('GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS');
  expect(preflight.headers.get('access-control-max-age')).toBe('43200');
  const call = await fetch(url, { method: 'POST', headers, body: JSON.stringify(sealRequest('versionmsg', {})) });
  expect(call.headers.get('access-control-allow-origin')).toBe('*');
});

describe('a body above the limit', () => {
  test('is refused with 413 and an envelope, also when its length is not announced', async () => {
    await using colony = await startTestColony({ maxBodyBytes: 1000 });
    const body = 'x'.repeat(1001);
    expect(await refusal(colony, body)).toMatchObject({ status: 413 });
    const chunked = await fetch(urlOf(colony.address), {
      method: 'POST',
      body: new Blob([body]).stream(),
      duplex: 'half',
    });
    expect(chunked.status).toBe(413);
    expect(await rpcRaw(colony.address, undefined, 'versionmsg', {})).toBeDefined();
  });
});

test('garbage on the socket and half a request do not disturb others', async () => {
  await using colony = await startTestColony(quick);
  const socket = connect(colony.address.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /api HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"payload');
  socket.destroy();
  const garbage = connect(colony.address.port, '127.0.0.1');
  garbage.on('error', () => undefined);
  garbage.resume();
  garbage.write('\0\0\0garbage\r\n\r\n');
  await once(garbage, 'close');
  expect(await rpcRaw(colony.address, undefined, 'versionmsg', {})).toBeDefined();
});

test('every message of the protocol is answered', () => {
  const missing = Object.values(messages)
    .map(({ type }) => type)
    .filter((type) => !handlers.has(type));
  expect(missing).toEqual([]);
});
