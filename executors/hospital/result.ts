import type { PrivateKey } from 'paillier-bigint';
import type * as z from 'zod';
import { UserError } from '../../colony/errors.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { formatIssues } from '../../colony/schema-errors.ts';
import {
  type CiphertextVector,
  decrypt,
  decryptVector,
  keyId,
  validateCiphertexts,
  validateVector,
} from '../../crypto/paillier/index.ts';
import {
  EncryptedNumber,
  EncryptedStatistics,
  PatientDataSumRequest,
  placesOf,
  StatisticsRequest,
} from './messages.ts';
import { findMismatch, isPlausibleSum } from './rounds.ts';
import { arePlausibleFigures, describeFigures, type StatisticsRow } from './statistics.ts';

/** What the holder of the private key reads from the last process of a hospital workflow. */
export type HospitalResult =
  | { readonly kind: 'sum'; readonly sum: bigint }
  | { readonly kind: 'statistics'; readonly rows: readonly StatisticsRow[] };

/**
 * Decrypts the output of a finished process. An output that lies in a blob is fetched, so this is run `withBlobs`.
 *
 * @param process a successful process whose first output is a number or a vector of statistics
 * @throws UserError when the output is neither, was made under another key, or decrypts to what cannot be a result
 */
export async function readResult(process: Process, privateKey: PrivateKey): Promise<HospitalResult> {
  const [output] = process.output;
  requireSameKey(process, privateKey);
  const isVector = typeof output === 'string' && output.startsWith('{');
  return isVector ? readStatistics(process, output, privateKey) : readSum(process, output, privateKey);
}

async function readSum(process: Process, output: unknown, privateKey: PrivateKey): Promise<HospitalResult> {
  const ciphertext = decode(EncryptedNumber, output, process, 'output');
  const sum = await explain(process, async () => {
    validateCiphertexts(privateKey.publicKey, [ciphertext], 'output', { refuseUnmasked: true });
    return decrypt(privateKey, ciphertext);
  });
  if (!isPlausibleSum(sum, privateKey.publicKey)) throw implausible(process);
  return { kind: 'sum', sum };
}

async function readStatistics(process: Process, output: string, privateKey: PrivateKey): Promise<HospitalResult> {
  const request = decode(StatisticsRequest, process.spec.kwargs, process, 'kwargs');
  const vector = valueOf(await EncryptedStatistics.safeParseAsync(output), output, process, 'output');
  requireAnswer(process, request, vector);
  const mantissas = await explain(process, async () => {
    await validateVector(privateKey.publicKey, vector, 'output', { refuseUnmasked: true });
    return decryptVector(privateKey, vector);
  });
  if (!arePlausibleFigures(mantissas, vector.scaleBits)) throw implausible(process);
  return { kind: 'statistics', rows: describeFigures(placesOf(request), mantissas, vector.scaleBits) };
}

function requireSameKey(process: Process, privateKey: PrivateKey): void {
  const request = decode(PatientDataSumRequest, process.spec.kwargs, process, 'kwargs');
  const [expected, got] = [keyId(request['paillier-pubkey']), keyId(privateKey.publicKey)];
  if (expected === got) return;
  throw new UserError(
    `process ${process.processId}: expected the private key of public key ${expected.slice(0, 16)}…, got that of ` +
      `${got.slice(0, 16)}…; give the right file with --key`,
  );
}

function requireAnswer(process: Process, request: StatisticsRequest, vector: CiphertextVector): void {
  const mismatch = findMismatch(request, vector, request['max-hospitals']);
  if (mismatch === undefined) return;
  throw new UserError(
    `process ${process.processId}: output: ${mismatch}; it is no answer to the arguments of its process, so run the ` +
      'workflow again',
  );
}

function decode<S extends z.ZodType>(schema: S, wire: unknown, process: Process, where: string): z.output<S> {
  return valueOf(schema.safeParse(wire), wire, process, where);
}

function valueOf<T>(parsed: z.ZodSafeParseResult<T>, wire: unknown, process: Process, where: string): T {
  if (parsed.success) return parsed.data;
  throw new UserError(`process ${process.processId}: ${formatIssues(parsed.error, wire, where)}`);
}

async function explain<T>(process: Process, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`process ${process.processId}: ${error.message}`);
    throw error;
  }
}

function implausible(process: Process): UserError {
  return new UserError(
    `process ${process.processId}: expected figures that hospitals can have, got impossible ones; the ciphertext was made ` +
      'under another key or changed on the way, so run the workflow again',
  );
}
