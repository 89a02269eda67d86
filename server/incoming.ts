import { InvalidSignatureError, recoverId } from '../colony/signature-recovery.ts';
import type { RequestEnvelope } from '../colony/envelope.ts';
import type { WireRequest } from './handler.ts';
import { parseMeasured } from './exact-json.ts';
import { type JsonShape, PART_WEIGHT, shapeOf } from './json-shape.ts';
import { MAX_ENVELOPE_COMMAS, MAX_ENVELOPE_DEPTH, MAX_PAYLOAD_DEPTH, MAX_PAYLOAD_WEIGHT } from './limits.ts';
import { Refusal } from './refusal.ts';
import type { Signers } from './signers.ts';

/**
 * Reads the envelope of a request. Missing fields are empty, unknown ones ignored.
 *
 * @throws Refusal 400 in the words of Go's JSON decoder where they are known
 */
export function parseEnvelope(body: string): RequestEnvelope {
  const { depth, commaCount } = shapeOf(body);
  if (depth > MAX_ENVELOPE_DEPTH || commaCount > MAX_ENVELOPE_COMMAS) {
    throw new Refusal(400, 'The envelope must be one JSON object with the texts payloadtype, payload and signature');
  }
  const envelope = parseJson(body);
  if (!isJsonObject(envelope)) {
    throw new Refusal(400, `json: cannot unmarshal ${kindOf(envelope)} into Go value of type rpc.RPCMsg`);
  }
  return {
    payloadtype: textField(envelope, 'payloadtype'),
    payload: textField(envelope, 'payload'),
    signature: textField(envelope, 'signature'),
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, /^\s*[[{"]?/.exec(body)?.[0] === body || isCutOff(body) ? CUT_OFF : strayCharacter(body));
  }
}

const CUT_OFF = 'unexpected end of JSON input';

/** Whether text that is no JSON starts like an object and lacks its end. */
function isCutOff(body: string): boolean {
  const text = body.trim();
  return text === '' || (text.startsWith('{') && !text.endsWith('}'));
}

function strayCharacter(body: string): string {
  return `invalid character '${body.trim()[0] ?? ''}' looking for beginning of value`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function textField(envelope: WireRequest, name: string): string {
  const value = envelope[name];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') {
    throw new Refusal(
      400,
      `json: cannot unmarshal ${kindOf(value)} into Go struct field RPCMsg.${name} of type string`,
    );
  }
  return value;
}

/**
 * Signers of recent small requests. Whoever polls sends the same bytes again and again, since signatures are
 * deterministic, and recovering the signer is the most expensive step of a small answer.
 */
const recentSigners = new Map<string, string>();
const MAX_RECENT_SIGNERS = 1024;
const MAX_REMEMBERED_CHARACTERS = 1024;

/**
 * The id of whoever signed the envelope.
 *
 * @throws Refusal 403 when nobody can have signed it
 */
export function callerOf(envelope: RequestEnvelope): string {
  const known = recentSigners.get(keyOf(envelope));
  if (known !== undefined) return known;
  try {
    return remembered(envelope, recoverId(envelope.payload, envelope.signature));
  } catch (thrown) {
    throw refusalOf(thrown);
  }
}

/** As {@link callerOf}, on another thread when there is much to do. */
export async function callerOfAside(signers: Signers, envelope: RequestEnvelope): Promise<string> {
  const known = recentSigners.get(keyOf(envelope));
  if (known !== undefined) return known;
  try {
    return remembered(envelope, await signers.recover(envelope));
  } catch (thrown) {
    throw refusalOf(thrown);
  }
}

function keyOf({ payload, signature }: RequestEnvelope): string {
  return `${signature}.${payload}`;
}

function remembered(envelope: RequestEnvelope, callerId: string): string {
  const key = keyOf(envelope);
  if (key.length <= MAX_REMEMBERED_CHARACTERS) rememberSigner(key, callerId);
  return callerId;
}

function refusalOf(thrown: unknown): unknown {
  return thrown instanceof InvalidSignatureError ? new Refusal(403, thrown.message) : thrown;
}

function rememberSigner(key: string, callerId: string): void {
  const [oldest] = recentSigners.keys();
  if (recentSigners.size >= MAX_RECENT_SIGNERS && oldest !== undefined) recentSigners.delete(oldest);
  recentSigners.set(key, callerId);
}

/**
 * The inner JSON of an envelope.
 *
 * @returns undefined when the payload is not base64 of a JSON object, that is nested too deep, or no double holds a number
 *   of it
 * @throws Refusal 413 when it has too many parts
 */
export function parsePayload(payload: string): WireRequest | undefined {
  if (payload.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(payload)) return undefined;
  try {
    const json = Buffer.from(payload, 'base64').toString();
    const shape = shapeOf(json);
    if (shape.depth > MAX_PAYLOAD_DEPTH) return undefined;
    requireLight(shape);
    const inner = parseMeasured(json, shape);
    return isJsonObject(inner) ? inner : undefined;
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    return undefined;
  }
}

/**
 * Refuses JSON of so many parts that reading it would keep others waiting, however few bytes they are.
 *
 * @throws Refusal 413
 */
export function requireLight({ weight }: JsonShape): void {
  if (weight <= MAX_PAYLOAD_WEIGHT) return;
  throw new Refusal(
    413,
    `Expected at most ${MAX_PAYLOAD_WEIGHT} elements in the JSON of a request (lists, objects, keys and integers of more than 15 digits count for ${PART_WEIGHT}), got ${weight}; put what is large into texts or blobs`,
  );
}

function isJsonObject(value: unknown): value is WireRequest {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
