import { expect, test } from 'vitest';
import { bytesToBigInt, elementAt } from '../../../crypto/modular/bytes.ts';
import { openMasked } from '../../../executors/regression/additive/messages.ts';
import { ringOf } from '../../../executors/regression/additive/pads.ts';
import { at, distance } from '../../support/regression.ts';
import {
  additiveKeys,
  additiveLossAt,
  additivePredictionsFor,
  additiveThetaOf,
  iterateAdditive,
  startAdditive,
} from '../../support/regression-additive.ts';
import type { AdditiveParties } from '../../support/regression-additive.ts';

const ROWS = 40;
const column = (seed: number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 10 + row * seed));

async function trained(parties: number): Promise<AdditiveParties> {
  const run = await startAdditive({
    parameters: { model: 'linear', scaling: 'none', alpha: 0.1, iterations: 2 },
    keys: await additiveKeys(parties),
    blocks: Array.from({ length: parties }, (_, party) => [column(party + 1)]),
    labels: column(9),
  });
  for (let iteration = 0; iteration < 2; iteration += 1) await iterateAdditive(run, iteration);
  return run;
}

/** What everybody who reads the messages of one kind can add up. */
async function publicSums(parties: AdditiveParties, round: 'loss' | 'predict'): Promise<bigint[]> {
  const messages = parties.seen.filter((seen) => seen.round === round).map(({ text }) => openMasked(text, undefined));
  const { bits, count } = at(messages, 0).header;
  const { bytes } = ringOf(bits);
  const sums = Array.from({ length: count }, () => 0n);
  for (const { chunks } of messages) {
    const pieces: Uint8Array[] = [];
    for await (const piece of chunks) pieces.push(piece);
    const numbers = Buffer.concat(pieces);
    for (const row of sums.keys()) sums[row] = at(sums, row) + bytesToBigInt(elementAt(numbers, row, bytes));
  }
  return sums.map((sum) => BigInt.asIntN(bits, sum));
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

test.each([1, 3])('of %i parties only the label party can add up losses and predictions', async (count) => {
  const parties = await trained(count);
  const theta = additiveThetaOf(parties);
  expect(await additiveLossAt(parties, 1)).toBeGreaterThan(0);
  const rows = Array.from({ length: count }, (_, party) => [column(party + 5).slice(0, 20)]);
  const expected = Array.from({ length: 20 }, (_, row) =>
    rows.reduce((sum, [values], party) => sum + at(theta, party) * (values?.[row] ?? 0), 0),
  );
  expect(distance([...(await additivePredictionsFor(parties, 0, rows))], expected)).toBeLessThan(1e-9);
  // What the numbers are without pads lies far below the ring's size; a uniform one is as low once in 2^64.
  for (const sum of await publicSums(parties, 'loss')) expect(magnitude(sum) > 1n << 190n).toBe(true);
  for (const sum of await publicSums(parties, 'predict')) expect(magnitude(sum) > 1n << 62n).toBe(true);
});
