import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openReply, RequestEnvelope, sealFailure, sealReply, sealRequest } from '../../colony/envelope.ts';
import { ServerError, toError } from '../../colony/errors.ts';
import { identityFromPrivateKey } from '../../colony/identity.ts';
import { recoverId } from '../../colony/signature-recovery.ts';
import vectors from '../vectors/colonies-identity.json' with { type: 'json' };

const identity = identityFromPrivateKey(vectors.envelope.privateKey);

describe('a request', () => {
  test('carries its type twice, and is signed over the text of its payload', () => {
    const { payloadtype, payload, signature } = sealRequest('getprocessmsg', { processid: 'abc' }, identity);
    expect(payloadtype).toBe('getprocessmsg');
    expect(JSON.parse(Buffer.from(payload, 'base64').toString())).toEqual({
      msgtype: 'getprocessmsg',
      processid: 'abc',
    });
    expect(recoverId(payload, signature)).toBe(identity.id);
  });

  test('cannot smuggle in another type', () => {
    const { payload } = sealRequest('getprocessmsg', { msgtype: 'removecolonymsg' }, identity);
    expect(Buffer.from(payload, 'base64').toString()).toBe('{"msgtype":"getprocessmsg"}');
  });

  test('without an identity is unsigned', () => {
    expect(sealRequest('versionmsg', {}).signature).toBe('');
  });

  test('is read with keys it does not know and without a signature', () => {
    const envelope = RequestEnvelope.parse({ payload: 'e30=', payloadtype: 'versionmsg', extra: 1 });
    expect(envelope).toEqual({ payload: 'e30=', payloadtype: 'versionmsg', signature: '' });
  });

  test('of the official Go code is signed by us byte for byte the same', () => {
    const { messageType, payload, signature } = vectors.envelope;
    expect(messageType).toBe('getprocessmsg');
    expect(recoverId(payload, signature)).toBe(identity.id);
  });
});

describe('an answer', () => {
  test('returns what was put in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (inner) => {
        const text = JSON.stringify(sealReply('getprocessmsg', inner));
        expect(JSON.stringify(openReply('getprocessmsg', text))).toBe(JSON.stringify(inner));
      }),
      { seed: 3 },
    );
  });

  test('may be indented inside, and lack the error flag', () => {
    const payload = Buffer.from('{\n  "processid": "a"\n}').toString('base64');
    expect(openReply('getprocessmsg', JSON.stringify({ payloadtype: 'getprocessmsg', payload }))).toEqual({
      processid: 'a',
    });
  });

  test('that refuses becomes an error with status and words of the server', () => {
    const body = JSON.stringify(sealFailure(403, 'Access denied, not colony owner'));
    expect(() => openReply('addusermsg', body)).toThrow(
      expect.objectContaining({
        name: 'ServerError',
        status: 403,
        serverMessage: 'Access denied, not colony owner',
        messageType: 'addusermsg',
        message: 'addusermsg: the server answered 403: Access denied, not colony owner',
      }),
    );
  });

  test.each([
    ['a web page', '<html>not found</html>'],
    ['JSON without an envelope', '{"status":"ok"}'],
    ['null', 'null'],
    ['a payload that is not JSON', '{"payloadtype":"x","payload":"aGVsbG8=","error":false}'],
    ['a refusal without words', '{"payloadtype":"error","payload":"e30=","error":true}'],
  ])('of %s is no Colonies answer, and is not shown', (_, body) => {
    expect(() => openReply('getprocessmsg', body)).toThrow(expect.objectContaining({ code: 'NOT_COLONIES' }));
    expect(() => openReply('getprocessmsg', body)).not.toThrow(body);
  });

  test('of junk never ends in anything but a clear error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        expect(outcomeOf(body)).toMatch(/^(?:opened|ConnectionError|ServerError)$/);
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});

function outcomeOf(body: string): string {
  try {
    openReply('getprocessmsg', body);
    return 'opened';
  } catch (error) {
    return toError(error).name;
  }
}

const wordsOf = (message: string): string => new ServerError('getprocessmsg', 403, message).serverMessage;

describe('the words of a refusal', () => {
  test('stand on one line', () => {
    expect(wordsOf('one \r\n\n \u2028 two\tand three\n')).toBe('one two\tand three');
  });

  test.each([
    ['letters', 'x'],
    ['spaces', ' '],
    ['lines', '\n '],
  ])('are cut when there are millions: %s', (_what, part) => {
    const message = part.repeat(5_000_000);
    expect(wordsOf(message).length).toBeLessThan(10_100);
    expect(wordsOf(message)).toContain(`… (${message.length} characters)`);
  });
});
