import { addVectors, CiphertextVector, encryptVector, productOfPowers } from '../../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength } from '../../../crypto/modular/bytes.ts';
import { randomBelow } from '../../../crypto/modular/random.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { messageOf } from '../messages.ts';
import type { CiphertextMessage } from '../messages.ts';
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
  const header = headerFor(run, expectProduct(parameters, turn, holder, rows.owner));
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const blocks = blockCiphertexts(parameters, rows.owner);
  const products: Uint8Array[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const first = block * parameters.rows;
    products.push(await multiplyBlock(parameters, rows, shares, [first + from, first + to], signal));
  }
  const carries = await encryptCarries(run, rows.owner, blocks);
  const vector = await addVectors(rows.publicKey, [
    CiphertextVector.join({ ...header, summands: '1' }, Buffer.concat(products)),
    carries.with({ scaleBits: header.scale, context: header.context }),
  ]);
  return messageOf(vector.with({ summands: 1n }));
}

/** Π_i C_i^(share_i) over the rows of an iteration, in one block. */
async function multiplyBlock(
  parameters: RunParameters,
  rows: EncryptedRows,
  shares: Uint8Array,
  [from, to]: readonly [number, number],
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { shareBits } = additivePlan(parameters);
  const { publicKey, owner } = rows;
  try {
    const product = await productOfPowers(publicKey, rows.read(from, to), shares, {
      exponentBits: shareBits,
      isSplit: true,
      signal,
    });
    return bigIntToBytes(product, 2 * byteLength(publicKey.n));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refusal('WRONG_COUNT', `rows of ${owner}: ${error.message}; run the set-up anew`, error);
  }
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
