import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { sign } from '../../colony/identity.ts';
import type { Identity } from '../../colony/identity.ts';
import { recoverId } from '../../colony/signature-recovery.ts';
import { isModulusProven, proveModulus } from '../../crypto/paillier/index.ts';
import { contextOf, requireContext } from './contexts.ts';
import type { Place } from './contexts.ts';
import { decodeMessage, encodeMessage, HalfMessage, KeyMessage, SealedMessage, SignedMessage } from './messages.ts';
import { parametersDigest } from './parameters.ts';
import type { RunParameters } from './parameters.ts';
import type { PadSeeds } from './pads.ts';
import { refusal } from './refusal.ts';

/**
 * How the parties of a run agree on secrets through a server that they need not trust: X25519 halves (RFC 7748) signed by
 * their Colonies identities, pair seeds by HKDF (RFC 5869), and secrets for one recipient sealed by AES-256-GCM under a pair
 * key. Who checks signatures against pinned ids is safe from a server that swaps halves; who does not trusts the server.
 */

/** A party's X25519 key of one run; `privateHalf` is secret. Both as raw 32 bytes. */
export interface HalfKeys {
  readonly privateHalf: Uint8Array;
  readonly publicHalf: Uint8Array;
}

/** Another party's half. */
export interface OtherHalf {
  readonly party: string;
  readonly publicHalf: Uint8Array;
}

const HALF_BYTES = 32;
const SEED_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SALT = 'sealed-colonies/regression/pair/1';
/** DER wrappings of raw X25519 keys (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** Draws a party's key of a run. */
export function createHalf(): HalfKeys {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    privateHalf: privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-HALF_BYTES),
    publicHalf: publicKey.export({ type: 'spki', format: 'der' }).subarray(-HALF_BYTES),
  };
}

/** Draws the seed that all feature parties share; the first of them draws it. */
export function drawGroupSeed(): Uint8Array {
  return new Uint8Array(randomBytes(SEED_BYTES));
}

/** A party's public half as it travels, signed. */
export function halfText(parameters: RunParameters, party: string, keys: HalfKeys, identity: Identity): string {
  const context = contextOf(parameters, setUp('half', party));
  return signText(encodeMessage(HalfMessage, { v: 1, kind: 'half', context, half: keys.publicHalf }), identity);
}

/**
 * Reads another party's half.
 *
 * @param pinnedId the Colonies id that this party is known by
 * @throws TerminalError `BAD_SIGNATURE` when somebody else signed it, `BAD_MESSAGE`, or as `requireContext`
 */
export function readHalf(parameters: RunParameters, party: string, text: string, pinnedId: string): OtherHalf {
  const message = decodeMessage(HalfMessage, openSigned(text, pinnedId, `half of ${party}`));
  requireContext(parameters, setUp('half', party), message.context);
  if (message.half.length !== HALF_BYTES) {
    throw refusal('BAD_MESSAGE', `half of ${party}: expected ${HALF_BYTES} bytes, got ${message.half.length}`);
  }
  return { party, publicHalf: message.half };
}

/** A public key as it travels, signed by whoever made it: the label party, a dealer, or the owner of rows. */
export async function keyText(
  parameters: RunParameters,
  maker: string,
  privateKey: PrivateKey,
  identity: Identity,
): Promise<string> {
  const context = contextOf(parameters, setUp('key', maker));
  const proof = await proveModulus(privateKey);
  const { publicKey } = privateKey;
  return signText(encodeMessage(KeyMessage, { v: 1, kind: 'key', context, publicKey, proof }), identity);
}

/**
 * Reads a public key.
 *
 * @throws TerminalError `WRONG_KEY` when it has another length than the parameters say, or its maker could read more from
 *   what others compute under it than they mean to give, `BAD_SIGNATURE`, `BAD_MESSAGE`, or as `requireContext`
 */
export async function readKey(
  parameters: RunParameters,
  maker: string,
  text: string,
  pinnedId: string,
): Promise<PublicKey> {
  const message = decodeMessage(KeyMessage, openSigned(text, pinnedId, `key of ${maker}`));
  requireContext(parameters, setUp('key', maker), message.context);
  const { publicKey, proof } = message;
  if (publicKey.bitLength !== parameters.keyBits) {
    throw refusal('WRONG_KEY', `key: expected ${parameters.keyBits} bits, got ${publicKey.bitLength}`);
  }
  if (await isModulusProven(publicKey, proof)) return publicKey;
  throw refusal(
    'WRONG_KEY',
    `key of ${maker}: expected a proof that its modulus is fit for masks, got none that holds; it must draw another key`,
  );
}

/**
 * The seed that two parties share, and nobody else: the same on both sides, another one for every run.
 *
 * @throws TerminalError `BAD_MESSAGE` for a half of low order, which would give everybody the same secret
 */
export function pairSeed(parameters: RunParameters, own: OtherHalf & HalfKeys, other: OtherHalf): Uint8Array {
  const secret = sharedSecret(own.privateHalf, other);
  const halves = [own, other].toSorted((left, right) => (left.party < right.party ? -1 : 1));
  const names = halves.map(({ party, publicHalf }) => `${party}/${Buffer.from(publicHalf).toString('hex')}`);
  const info = [parametersDigest(parameters), ...names].join('\n');
  const seed = new Uint8Array(hkdfSync('sha256', secret, SALT, info, SEED_BYTES));
  secret.fill(0);
  return seed;
}

function sharedSecret(privateHalf: Uint8Array, other: OtherHalf): Buffer {
  const der = Buffer.concat([PRIVATE_PREFIX, privateHalf]);
  try {
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicDer = Buffer.concat([PUBLIC_PREFIX, other.publicHalf]);
    const publicKey = createPublicKey({ key: publicDer, format: 'der', type: 'spki' });
    return diffieHellman({ privateKey, publicKey });
  } catch (error) {
    throw refusal('BAD_MESSAGE', `half of ${other.party}: expected an X25519 key of full order, got another`, error);
  } finally {
    der.fill(0);
  }
}

/** The pads' seeds of one feature party. @param seeds pair seeds by party */
export function padSeeds(
  parameters: RunParameters,
  party: string,
  seeds: ReadonlyMap<string, Uint8Array>,
  group: Uint8Array,
): PadSeeds {
  const place = parameters.features.findIndex(({ name }) => name === party);
  const pairs = parameters.features.map(({ name }) => {
    const seed = seeds.get(name);
    if (name !== party && !seed) throw refusal('WRONG_PARTY', `pads: expected a seed shared with ${name}, got none`);
    return name === party ? undefined : seed;
  });
  return { place, pairs, group };
}

/**
 * Seals a secret for one recipient under the pair's seed.
 *
 * @param round `seed` for a group seed, `share` for a key share
 * @returns JSON text; the recipient and the context are authenticated
 */
export function sealFor(
  parameters: RunParameters,
  round: 'seed' | 'share',
  sender: string,
  recipient: { readonly party: string; readonly seed: Uint8Array },
  secret: Uint8Array,
): string {
  const context = contextOf(parameters, setUp(round, sender));
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(recipient.seed, context, recipient.party), nonce);
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return encodeMessage(SealedMessage, { v: 1, kind: round, context, recipient: recipient.party, nonce, sealed });
}

/**
 * Opens what was sealed for this party.
 *
 * @throws TerminalError `WRONG_PARTY` when it is for another one, `BAD_SIGNATURE` when it was not sealed by that sender or
 *   changed, `BAD_MESSAGE`, or as `requireContext`
 */
export function unseal(
  parameters: RunParameters,
  round: 'seed' | 'share',
  sender: { readonly party: string; readonly seed: Uint8Array },
  recipient: string,
  text: string,
): Uint8Array {
  const message = decodeMessage(SealedMessage, text);
  requireContext(parameters, setUp(round, sender.party), message.context);
  if (message.recipient !== recipient) {
    throw refusal('WRONG_PARTY', `${round}: expected one for ${recipient}, got one for ${message.recipient}`);
  }
  const { nonce, sealed } = message;
  try {
    const key = sealingKey(sender.seed, message.context, recipient);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw refusal('BAD_SIGNATURE', `${round}: expected what ${sender.party} sealed, got something else`, error);
  }
}

/** Each direction and purpose of a pair has a key of its own. */
function sealingKey(seed: Uint8Array, context: string, recipient: string): Buffer {
  return Buffer.from(hkdfSync('sha256', seed, SALT, `seal/${context}/${recipient}`, SEED_BYTES));
}

/** A text with a Colonies identity's signature over it. */
export function signText(text: string, identity: Identity): string {
  return encodeMessage(SignedMessage, { v: 1, kind: 'signed', text, signature: sign(text, identity) });
}

/** The text that `pinnedId` signed. @throws TerminalError `BAD_SIGNATURE` when somebody else did */
export function openSigned(message: string, pinnedId: string, label: string): string {
  const { text, signature } = decodeMessage(SignedMessage, message);
  if (signerOf(text, signature) === pinnedId) return text;
  throw refusal(
    'BAD_SIGNATURE',
    `${label}: expected the signature of ${pinnedId.slice(0, 16)}…, got another; check the pinned ids of the run`,
  );
}

/** Whose signature this is; undefined where it is none. */
export function signerOf(text: string, signature: string): string | undefined {
  try {
    return recoverId(text, signature);
  } catch {
    return undefined;
  }
}

function setUp(round: 'half' | 'key' | 'seed' | 'share', party: string): Place {
  return { round, iteration: 0, attempt: 0, party };
}
