import { addVectors, encryptVector, productOfPowers } from '../../../crypto/paillier/index.ts';
import type { CiphertextVector, PowerRun } from '../../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength } from '../../../crypto/modular/bytes.ts';
import { randomBelow } from '../../../crypto/modular/random.ts';
import { CiphertextVector as Vector } from '../../../crypto/paillier/index.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { messageOf } from '../messages.ts';
import type { ByteChunks, CiphertextMessage } from '../messages.ts';
import { columnsOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { requireOneOfEach } from '../rounds/aggregate.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { headerFor, validVector } from '../streams.ts';
import type { RunKey } from '../streams.ts';
import { expectGradientSum, expectProduct } from './expectations.ts';
import type { EncryptedRows } from './parties.ts';
import { additivePlan, blockCiphertexts, otherHolders } from './precision.ts';

/** What holders of shares compute for the owner of a block, and the sum of it. */

/** Ciphertexts that are read at a time: long runs keep threads busy, and two of them are in memory. */
const RUN_BYTES = 2 ** 25;

/**
 * B4: for every block of an owner's columns Π_i C_i^(share_i)·[[2^ℓ·R]], R random in every slot and longer than the carries
 * that it hides, with uniform randomness: the owner, who can decrypt it, learns a functional of uniform shares modulo 2^ℓ
 * and nothing of their carries.
 *
 * @param holder whose shares these are
 * @param shares one number modulo 2^ℓ for each row of the iteration
 */
export async function productRound(
  parameters: RunParameters,
  turn: Turn,
  holder: string,
  rows: EncryptedRows,
  shares: Uint8Array,
  { signal }: RoundOptions = {},
): Promise<CiphertextMessage> {
  const run = { parameters, publicKey: rows.publicKey };
  const { shareBits } = additivePlan(parameters);
  const header = headerFor(run, expectProduct(parameters, turn, holder, rows.owner));
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const blocks = blockCiphertexts(parameters, rows.owner);
  const products: Uint8Array[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const first = block * parameters.rows;
    const runs = powerRuns(parameters, rows, [first + from, first + to], shares);
    const product = await productOfPowers(rows.publicKey, runs, {
      exponentBits: shareBits,
      terms: to - from,
      signal,
    });
    products.push(bigIntToBytes(product, 2 * byteLength(rows.publicKey.n)));
  }
  const carries = await encryptCarries(run, rows.owner, blocks);
  const vector = await addVectors(rows.publicKey, [
    Vector.join({ ...header, summands: '1' }, Buffer.concat(products)),
    carries.with({ scaleBits: header.scale, context: header.context }),
  ]);
  return messageOf(vector.with({ summands: 1n }));
}

/** Ciphertexts and shares, run by run, in two buffers that take turns. */
async function* powerRuns(
  parameters: RunParameters,
  rows: EncryptedRows,
  [from, to]: readonly [number, number],
  shares: Uint8Array,
): AsyncGenerator<PowerRun> {
  const width = 2 * Math.ceil(parameters.keyBits / 8);
  const { shareBytes } = additivePlan(parameters);
  const most = Math.min(to - from, Math.max(1, Math.floor(RUN_BYTES / width)));
  let start = 0;
  for await (const ciphertexts of fillInTurns(rows.read(from, to), most * width)) {
    const count = ciphertexts.length / width;
    const exponents = shares.subarray(start * shareBytes, (start + count) * shareBytes);
    start += count;
    yield { ciphertexts, exponents };
  }
  if (start !== to - from) {
    throw refusal(
      'WRONG_COUNT',
      `rows of ${rows.owner}: expected ${to - from} ciphertexts, got ${start}; run the set-up anew`,
    );
  }
}

/** Cuts a stream into pieces of `size` bytes, the last one shorter; a piece is overwritten when the next but one comes. */
async function* fillInTurns(pieces: ByteChunks, size: number): AsyncGenerator<Uint8Array> {
  const buffers = [0, 1].map(() => new Uint8Array(new SharedArrayBuffer(size)));
  let [turn, filled] = [0, 0];
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const buffer = buffers[turn % 2] ?? piece;
      const length = Math.min(piece.length - taken, size - filled);
      buffer.set(piece.subarray(taken, taken + length), filled);
      [taken, filled] = [taken + length, filled + length];
      if (filled === size) {
        yield buffer;
        [turn, filled] = [turn + 1, 0];
      }
    }
  }
  const rest = buffers[turn % 2];
  if (filled > 0 && rest) yield rest.subarray(0, filled);
}

/** 2^ℓ·R in every slot, with randomness that is uniform even to who knows the private key. */
function encryptCarries({ parameters, publicKey }: RunKey, owner: string, blocks: number): Promise<CiphertextVector> {
  const { packing, shareBits, carryBits } = additivePlan(parameters);
  const columns = columnsOf(parameters, owner);
  const values = Array.from({ length: blocks }, (_, block) => {
    const slots = Math.min(packing.slotsPerCiphertext, columns - block * packing.slotsPerCiphertext);
    return Array.from({ length: slots }).reduce<bigint>(
      (packed) => (packed << BigInt(packing.slotBits)) + (randomBelow(1n << BigInt(carryBits)) << BigInt(shareBits)),
      0n,
    );
  });
  return encryptVector(publicKey, values, { scaleBits: 0, masking: 'standard' });
}

/**
 * B5: the product of the holders' products, by anybody without a key.
 *
 * @param run the parameters, and the owner's key
 * @param products one message from each holder but the owner: the label party first, then the feature parties in order
 * @throws TerminalError naming the message that is missing, comes twice, or is not what the parameters ask for
 */
export async function gradientSumRound(
  run: RunKey,
  turn: Turn,
  owner: string,
  products: readonly CiphertextMessage[],
  { signal }: RoundOptions = {},
): Promise<CiphertextMessage> {
  const { parameters } = run;
  const expected = otherHolders(parameters, owner).map((holder) => expectProduct(parameters, turn, holder, owner));
  requireOneOfEach(run, expected, products);
  const vectors: CiphertextVector[] = [];
  for (const [index, message] of products.entries()) {
    const wanted = expected[index];
    if (wanted) vectors.push(await validVector(run, wanted, message, signal));
  }
  const context = contextOf(parameters, expectGradientSum(parameters, turn, owner).place);
  return messageOf(await addVectors(run.publicKey, vectors, { context, signal }));
}
