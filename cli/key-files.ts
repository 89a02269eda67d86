import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { toError, UserError } from '../colony/errors.ts';
import { writeWholeFile } from '../colony/private-files.ts';

/**
 * Paillier key files in the format of the Python example: base64 of the JSON `{"n": "<decimal>"}` and
 * `{"p": "<decimal>", "q": "<decimal>"}`. This file knows nothing of cryptography: numbers in, numbers out.
 */

/** The modulus, and what its owner says of it. */
export interface PublicKeyNumbers {
  readonly n: bigint;
  /**
   * p ≡ q ≡ 3 (mod 4) and gcd(p−1, q−1) = 2: others may encrypt with short exponents, several times faster. Programs
   * that do not know this word, such as the Python example, ignore it.
   */
  readonly blum?: boolean | undefined;
}

/** The primes; secret. */
export interface PrivateKeyNumbers {
  readonly p: bigint;
  readonly q: bigint;
}

/** A public key file: its number, and its text as it stands in workflows. */
export interface PublicKeyFile extends PublicKeyNumbers {
  /** Base64 without surrounding whitespace. */
  readonly text: string;
}

/** The file names of the Python example. */
export const PUBLIC_KEY_FILE = 'public_key.b64';
/** @see {@link PUBLIC_KEY_FILE} */
export const PRIVATE_KEY_FILE = 'private_key.b64';

/** Far above the length of any key, so that a wrong file is not read whole. */
const MAXIMUM_FILE_BYTES = 100_000;

const decimal = z
  .string()
  .regex(/^[1-9]\d{0,9999}$/u)
  .transform(BigInt);
const PublicKeyJson = z.object({ n: decimal, blum: z.boolean().optional() });
const PrivateKeyJson = z.object({ p: decimal, q: decimal });

/** A public key as it stands in files and in workflows. */
export function encodePublicKey({ n, blum }: PublicKeyNumbers): string {
  return toBase64(`{"n": "${n}"${blum === true ? ', "blum": true' : ''}}`);
}

/** A private key as it stands in its file; secret. */
export function encodePrivateKey({ p, q }: PrivateKeyNumbers): string {
  return toBase64(`{"p": "${p}", "q": "${q}"}`);
}

/**
 * Reads a public key from base64 text; whitespace around it is allowed.
 *
 * @param where named in the message, such as a file name
 * @throws UserError when it has another form
 */
export function decodePublicKey(text: string, where: string): PublicKeyFile {
  return { ...decode(text, where, PublicKeyJson, '{"n": "<decimal>"}'), text: text.trim() };
}

/**
 * Reads a private key from base64 text; whitespace around it is allowed.
 *
 * @throws UserError when it has another form; the message never shows any of it
 */
export function decodePrivateKey(text: string, where: string): PrivateKeyNumbers {
  return decode(text, where, PrivateKeyJson, '{"p": "<decimal>", "q": "<decimal>"}');
}

/** @throws UserError when the file is missing, unreadable or no public key */
export async function loadPublicKey(path: string): Promise<PublicKeyFile> {
  return decodePublicKey(await readKeyFile(path), path);
}

/**
 * Reads a private key file.
 *
 * @param warn told when others than the owner may read the file
 * @throws UserError when the file is missing, unreadable or no private key
 */
export async function loadPrivateKey(path: string, warn: (message: string) => void): Promise<PrivateKeyNumbers> {
  const numbers = decodePrivateKey(await readKeyFile(path), path);
  const { mode } = await stat(path);
  const isPrivate = process.platform === 'win32' || (mode & 0o077) === 0;
  if (!isPrivate) warn(`warning: ${path} can be read by other users; run "chmod 600 ${path}"`);
  return numbers;
}

/**
 * Calculates with a key of a file or flag, and turns the refusals of the mathematics, whose messages hold no key, into
 * errors of the user.
 *
 * @param where named in the message
 */
export async function explainRefusal<T>(where: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (thrown) {
    throw thrown instanceof RangeError ? new UserError(`${where}: ${thrown.message}`) : thrown;
  }
}

/** Whether there is a file, readable or not. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    return !isSystemError(thrown, 'ENOENT');
  }
}

/** Where a key pair was written. */
export interface KeyPairPaths {
  readonly publicKeyPath: string;
  readonly privateKeyPath: string;
}

/**
 * Writes both files of a key pair, the private one readable by its owner only. Each appears whole or not at all, and is
 * on the disk when this returns.
 *
 * @param options.overwrite replace files that exist; their keys are lost, and what was encrypted with them
 * @throws UserError when a file exists and may not be overwritten, or cannot be written
 */
export async function saveKeyPair(
  directory: string,
  key: PrivateKeyNumbers & Pick<PublicKeyNumbers, 'blum'>,
  options: { readonly overwrite?: boolean } = {},
): Promise<KeyPairPaths> {
  const paths = keyPairPaths(directory);
  const overwrite = options.overwrite === true;
  if (!overwrite) await refuseExistingKeyPair(directory);
  await mkdir(directory, { recursive: true });
  // The private key first: a public key alone would collect ciphertexts that nobody can read.
  write(paths.privateKeyPath, `${encodePrivateKey(key)}\n`, 0o600, overwrite);
  write(paths.publicKeyPath, `${encodePublicKey({ n: key.p * key.q, blum: key.blum })}\n`, 0o644, overwrite);
  return paths;
}

/** @throws UserError when one of the files exists in the directory */
export async function refuseExistingKeyPair(directory: string): Promise<void> {
  const { publicKeyPath, privateKeyPath } = keyPairPaths(directory);
  for (const path of [privateKeyPath, publicKeyPath]) if (await exists(path)) throw alreadyExists(path);
}

function keyPairPaths(directory: string): KeyPairPaths {
  return { publicKeyPath: join(directory, PUBLIC_KEY_FILE), privateKeyPath: join(directory, PRIVATE_KEY_FILE) };
}

function alreadyExists(path: string): UserError {
  return new UserError(
    `${path}: expected no file, got a key file that exists already; whatever was encrypted with its key is lost without it, so move it away, or replace it with --force`,
  );
}

function write(path: string, text: string, mode: number, overwrite: boolean): void {
  try {
    writeWholeFile(path, text, { mode, overwrite });
  } catch (thrown) {
    if (isSystemError(thrown, 'EEXIST')) throw alreadyExists(path);
    throw new UserError(`${path}: expected to write it, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

async function readKeyFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAXIMUM_FILE_BYTES) {
      throw new UserError(`${path}: expected a key file, got a file of ${size} bytes; give another one`);
    }
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof UserError) throw thrown;
    if (isSystemError(thrown, 'ENOENT')) {
      throw new UserError(`${path}: expected a key file, got none; create a key pair with "colonies keys generate"`);
    }
    throw new UserError(`${path}: expected a readable key file, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

function decode<T>(text: string, where: string, schema: z.ZodType<T>, form: string): T {
  const trimmed = text.trim();
  const json = /^[A-Za-z0-9+/]+={0,2}$/u.test(trimmed)
    ? parseJson(Buffer.from(trimmed, 'base64').toString())
    : undefined;
  const key = schema.safeParse(json);
  if (key.success) return key.data;
  throw new UserError(
    `${where}: expected base64 of ${form}, got ${text.length} characters of another form; create a key pair with "colonies keys generate"`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function isSystemError(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}
