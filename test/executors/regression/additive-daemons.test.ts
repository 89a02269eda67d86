import { expect, test } from 'vitest';
import * as z from 'zod';
import { columnOf, readTable, readVectors } from '../../support/regression.ts';
import { openRegressionStage } from '../../support/regression-daemons.ts';

const Step = z.object({ theta: z.array(z.number()), grad_sum: z.array(z.number()), mse: z.number() });
const Trajectory = z.object({ alpha: z.number(), iterations: z.record(z.string(), Step) });
const seed = z.object({ n100: Trajectory }).parse(readVectors('seed000_gd.json')).n100;

test('daemons train the model of the seed with residuals that stay shared', async () => {
  await using stage = await openRegressionStage();
  const table = readTable('synthetic_grid_100.csv');
  const part = (name: string) => stage.writeTable(`${name}.csv`, new Map([[name, columnOf(table, name)]]));
  await Promise.all([
    stage.startFeature('x1', { source: await part('x1') }),
    stage.startFeature('x2', { source: await part('x2') }),
    stage.startLabel('y', { source: await part('y') }),
    stage.startAggregator(),
  ]);
  await stage.train({
    run: 'seed',
    label: 'y',
    features: ['x1', 'x2'],
    model: 'linear',
    mode: 'additive',
    scaling: 'none',
    alpha: seed.alpha,
    iterations: 5,
    blockIterations: 2,
    residualBoundBits: 10,
    precisionBits: 30,
    keyBits: 1024,
    guards: 'demonstration',
  });
  for (const [index, party] of ['x1', 'x2'].entries()) {
    const lines = (await stage.fileOf(party, 'seed', 'thetas.log')).trimEnd().split('\r\n');
    expect(lines).toHaveLength(5);
    for (const [iteration, line] of lines.entries()) {
      const [, name, theta] = /^(\S+) (\S+)\[\S+\]$/.exec(line) ?? [];
      expect(name).toBe(party);
      expect(Number(theta)).toBeCloseTo(seed.iterations[String(iteration + 1)]?.theta[index] ?? Number.NaN, 6);
    }
  }
  const losses = (await stage.fileOf('y', 'seed', 'loss.csv')).trimEnd().split('\n').slice(1);
  expect(losses).toHaveLength(5);
  for (const [iteration, line] of losses.slice(1).entries()) {
    expect(Number(line.split(',')[1])).toBeCloseTo(seed.iterations[String(iteration + 1)]?.mse ?? Number.NaN, 5);
  }
}, 120_000);
