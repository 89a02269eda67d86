import { encryptVectorAsOwner, splitCiphertexts } from '../../../crypto/paillier/index.ts';
import { byteLength } from '../../../crypto/modular/bytes.ts';
import { toMantissas } from '../mantissas.ts';
import type { CiphertextMessage } from '../messages.ts';
import { chunksOf } from '../pads.ts';
import type { ChunkRange } from '../pads.ts';
import type { RunParameters } from '../parameters.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { headerFor, oneAhead, validChunks } from '../streams.ts';
import type { RunKey } from '../streams.ts';
import { expectRows } from './expectations.ts';
import type { AdditiveParty } from './parties.ts';
import { additivePlan, blockCiphertexts } from './precision.ts';

/** A feature party's rows under its own key, encrypted once. */

/**
 * B1: for every block of as many columns as a ciphertext has slots, [[Σ_c x̂_ic·2^(wc)]] of every row i; block after
 * block.
 */
export function rowsRound(
  party: Pick<AdditiveParty, 'parameters' | 'publicKey' | 'privateKey' | 'name' | 'columns'>,
  options: RoundOptions = {},
): CiphertextMessage {
  const header = headerFor(party, expectRows(party.parameters, party.name));
  return { header, chunks: rowChunks(party, options) };
}

async function* rowChunks(
  { parameters, privateKey, columns }: Pick<AdditiveParty, 'parameters' | 'privateKey' | 'columns'>,
  options: RoundOptions,
): AsyncGenerator<Uint8Array> {
  const { columnScaleBits, packing } = additivePlan(parameters);
  for (let first = 0; first < columns.length; first += packing.slotsPerCiphertext) {
    const block = columns.slice(first, first + packing.slotsPerCiphertext);
    const encryptChunk = async ({ from, rows }: ChunkRange): Promise<Uint8Array> => {
      const mantissas = block.map((column) => toMantissas(column.subarray(from, from + rows), columnScaleBits));
      const plaintexts = packRows(mantissas, rows, packing.slotBits);
      return (await encryptVectorAsOwner(privateKey, plaintexts, { scaleBits: columnScaleBits, ...options })).data;
    };
    yield* oneAhead(chunksOf(parameters.rows), encryptChunk);
  }
}

function packRows(columns: readonly Float64Array[], rows: number, slotBits: number): bigint[] {
  return Array.from({ length: rows }, (_, row) =>
    columns.reduceRight((packed, column) => (packed << BigInt(slotBits)) + BigInt(column[row] ?? 0), 0n),
  );
}

/**
 * The ciphertexts of another party's rows, each checked: in [1, n²) and coprime to n, and split for products of powers.
 * Keep them as they come.
 *
 * @param run the parameters, and the owner's key
 * @throws TerminalError as the checks of messages
 */
export async function* checkedRows(
  run: RunKey,
  owner: string,
  message: CiphertextMessage,
  { signal }: RoundOptions = {},
): AsyncGenerator<Uint8Array> {
  for await (const chunk of validChunks(run, expectRows(run.parameters, owner), message, { signal })) {
    yield await splitCiphertexts(run.publicKey, chunk.data, { signal });
  }
}

/** How many bytes an owner's encrypted rows have. */
export function rowsBytes(parameters: RunParameters, owner: string, modulus: bigint): number {
  return parameters.rows * blockCiphertexts(parameters, owner) * 2 * byteLength(modulus);
}
