import {
  addVectors,
  CiphertextVector,
  encryptResidues,
  keyId,
  productOfPowers,
} from '../../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength, fromBigInts } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { randomBelow } from '../../../crypto/modular/random.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { messageOf } from '../messages.ts';
import type { CiphertextMessage } from '../messages.ts';
import { columnsOf, partiesOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { PadStream } from '../pads.ts';
import { requireOneOfEach } from '../rounds/aggregate.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { headerFor, validVector } from '../streams.ts';
import type { RunKey } from '../streams.ts';
import { expectGradientSum, expectProduct } from './expectations.ts';
import type { AdditiveParty, EncryptedRows } from './parties.ts';
import { additivePlan, blockCiphertexts, otherHolders } from './precision.ts';

/** What holders of shares compute for the owner of a block, and the sum of it. */

/** Who holds shares. */
type Holder = Pick<AdditiveParty, 'parameters' | 'name' | 'pairSeeds'>;

/**
 * B4: for every block of an owner's columns Π_i C_i^(share_i)·[[B + 2^ℓ·R]], with uniform randomness. B, one number modulo the
 * owner's n for each ciphertext, comes from the seeds of every two holders and sums to zero over all of them: whoever can
 * decrypt, the owner above all, learns the sum of all products and nothing of some of them, whatever the owner has encrypted as
 * its rows; nothing at all if it has given holders different ones. R is random in every slot and longer than the carries that it hides. A repetition draws the same B.
 *
 * @param holder whose shares these are
 * @param shares one number modulo 2^ℓ for each row of the iteration
 */
export async function productRound(
  holder: Holder,
  turn: Turn,
  rows: EncryptedRows,
  shares: Uint8Array,
  { signal }: RoundOptions = {},
): Promise<CiphertextMessage> {
  const { parameters, name } = holder;
  const run = { parameters, publicKey: rows.publicKey };
  const header = headerFor(run, expectProduct(parameters, turn, name, rows.owner));
  const { from, to } = rowsOfIteration(parameters, turn.iteration);
  const blocks = blockCiphertexts(parameters, rows.owner);
  const products: Uint8Array[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const first = block * parameters.rows;
    products.push(await multiplyBlock(parameters, rows, shares, [first + from, first + to], signal));
  }
  const hidden = await encryptHiding(run, rows.owner, blindsOf(holder, turn, rows));
  const vector = await addVectors(rows.publicKey, [
    CiphertextVector.join({ ...header, summands: '1' }, Buffer.concat(products)),
    hidden.with({ scaleBits: header.scale, context: header.context }),
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

/** B of every ciphertext of an owner's block: in [0, n), and zero modulo n summed over all holders. */
export function blindsOf(
  { parameters, pairSeeds }: Holder,
  turn: Turn,
  { owner, publicKey, digest }: Omit<EncryptedRows, 'read'>,
): bigint[] {
  const place = contextOf(parameters, { round: 'product', ...turn, party: owner });
  const context = `product/${place}/${keyId(publicKey)}/${digest}`;
  const blocks = blockCiphertexts(parameters, owner);
  // The owner holds no product of its own: what it shares with others would hide nothing from it.
  const ownerPlace = partiesOf(parameters).indexOf(owner);
  const sums = Array.from({ length: blocks }, () => 0n);
  for (const [other, seed] of pairSeeds.pairs.entries()) {
    if (!seed || other === ownerPlace || other === pairSeeds.place) continue;
    const sign = other > pairSeeds.place ? 1n : -1n;
    let block = 0;
    for (const number of new PadStream(seed, context, publicKey.n).numbers(0, blocks)) {
      sums[block] = (sums[block] ?? 0n) + sign * number;
      block += 1;
    }
  }
  return sums.map((sum) => mod(sum, publicKey.n));
}

/** B, and 2^ℓ·R in every slot, with randomness that is uniform even to who knows the private key. */
function encryptHiding(
  { parameters, publicKey }: RunKey,
  owner: string,
  blinds: readonly bigint[],
): Promise<CiphertextVector> {
  const { packing, shareBits, carryBits } = additivePlan(parameters);
  const columns = columnsOf(parameters, owner);
  const residues = blinds.map((blind, block) => {
    const slots = Math.min(packing.slotsPerCiphertext, columns - block * packing.slotsPerCiphertext);
    let multiples = 0n;
    for (let slot = 0; slot < slots; slot += 1) {
      multiples = (multiples << BigInt(packing.slotBits)) + (randomBelow(1n << BigInt(carryBits)) << BigInt(shareBits));
    }
    return mod(multiples + blind, publicKey.n);
  });
  const bytes = fromBigInts(residues, byteLength(publicKey.n));
  return encryptResidues(publicKey, bytes, { scaleBits: 0, masking: 'standard' });
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
