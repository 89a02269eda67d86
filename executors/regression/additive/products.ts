import { addVectors, CiphertextVector, encryptVector, productOfPowers } from '../../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength, toBigInts } from '../../../crypto/modular/bytes.ts';
import { randomBelow } from '../../../crypto/modular/random.ts';
import { rowsOfIteration } from '../batches.ts';
import { contextOf } from '../contexts.ts';
import type { Turn } from '../contexts.ts';
import { messageOf } from '../messages.ts';
import type { CiphertextMessage } from '../messages.ts';
import { columnsOf, partiesOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { chunksOf } from '../pads.ts';
import { requireOneOfEach } from '../rounds/aggregate.ts';
import type { RoundOptions } from '../rounds/aggregate.ts';
import { headerFor, validVector } from '../streams.ts';
import type { RunKey } from '../streams.ts';
import { expectGradientSum, expectProduct } from './expectations.ts';
import { ringOf, ZeroSumPads } from './pads.ts';
import type { AdditiveParty, EncryptedRows } from './parties.ts';
import { additivePlan, blockCiphertexts, otherHolders } from './precision.ts';

/** What holders of shares compute for the owner of a block, and the sum of it. */

/** Who holds shares. */
type Holder = Pick<AdditiveParty, 'parameters' | 'name' | 'pairSeeds'>;

/**
 * B4: for every block of an owner's columns Π_i C_i^(share_i)·[[2^ℓ·R + B]], with uniform randomness. B, one number modulo
 * 2^ℓ in every slot, comes from the seeds of every two holders and sums to zero over all of them: whoever can decrypt, the
 * owner above all, learns the sum of all products and nothing of some of them. R is random in every slot and longer than the
 * carries that it hides. A repetition draws the same B.
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
  const hidden = await encryptHiding(run, rows.owner, blindsOf(holder, turn, rows.owner));
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

/** B of every column of an owner: below 2^ℓ, and zero modulo 2^ℓ summed over all holders. */
export function blindsOf({ parameters, pairSeeds }: Holder, turn: Turn, owner: string): bigint[] {
  const { shareBits, shareBytes } = additivePlan(parameters);
  const context = contextOf(parameters, { round: 'product', ...turn, party: owner });
  // The owner holds no product of its own: what it shares with others would hide nothing from it.
  const ownerPlace = partiesOf(parameters).indexOf(owner);
  const pairs = pairSeeds.pairs.map((seed, place) => (place === ownerPlace ? undefined : seed));
  const pads = new ZeroSumPads({ place: pairSeeds.place, pairs }, context, ringOf(shareBits));
  return [...chunksOf(columnsOf(parameters, owner))].flatMap(({ chunk, rows }) =>
    toBigInts(pads.chunk(chunk, rows), shareBytes),
  );
}

/** 2^ℓ·R + B in every slot, with randomness that is uniform even to who knows the private key. */
function encryptHiding(
  { parameters, publicKey }: RunKey,
  owner: string,
  blinds: readonly bigint[],
): Promise<CiphertextVector> {
  const { packing, shareBits, carryBits } = additivePlan(parameters);
  const values = Array.from({ length: blockCiphertexts(parameters, owner) }, (_, block) => {
    const first = block * packing.slotsPerCiphertext;
    const slots = blinds.slice(first, first + packing.slotsPerCiphertext);
    return slots.reduceRight<bigint>(
      (packed, blind) =>
        (packed << BigInt(packing.slotBits)) + (randomBelow(1n << BigInt(carryBits)) << BigInt(shareBits)) + blind,
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
