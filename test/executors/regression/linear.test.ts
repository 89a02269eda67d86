import { expect, test } from 'vitest';
import * as z from 'zod';
import { testKeyPair } from '../../support/keys.ts';
import { columnOf, iterate, readTable, readVectors, startRun, thetaOf } from '../../support/regression.ts';

const Step = z.object({ theta: z.array(z.number()), grad_sum: z.array(z.number()), mse: z.number() });
const Trajectory = z.object({ alpha: z.number(), iterations: z.record(z.string(), Step) });
const Seed = z.object({ n16: Trajectory, n100: Trajectory });

const seed = Seed.parse(readVectors('seed000_gd.json'));

/** The largest difference between two lists of numbers. */
function distance(left: readonly number[], right: readonly number[]): number {
  expect(left).toHaveLength(right.length);
  return Math.max(...left.map((value, index) => Math.abs(value - (right[index] ?? Number.NaN))));
}

test.each([
  ['synthetic_grid_16.csv', seed.n16, 20],
  ['synthetic_grid_100.csv', seed.n100, 10],
] as const)('two parties follow the published trajectory of %s', async (file, expected, iterations) => {
  const table = readTable(file);
  const parties = startRun({
    parameters: { model: 'linear', alpha: expected.alpha, iterations, residualBoundBits: 10 },
    keys: await testKeyPair(512),
    blocks: [[columnOf(table, 'x1')], [columnOf(table, 'x2')]],
    labels: columnOf(table, 'y'),
  });
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const sums = await iterate(parties, iteration);
    const step = expected.iterations[String(iteration + 1)];
    expect(distance(thetaOf(parties), step?.theta ?? [])).toBeLessThan(1e-9);
    expect(distance(sums.flat(), step?.grad_sum ?? [])).toBeLessThan(1e-6);
  }
});
