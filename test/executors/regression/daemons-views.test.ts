import { join } from 'node:path';
import type { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { Environment } from '../../../colony/environment.ts';
import { openRegressionStage, parseThetas, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
import { reached, SEED_REQUEST } from '../../support/regression-seed.ts';
import { distance } from '../../support/regression.ts';
import {
  chiSquare,
  column,
  COLUMNS,
  contentsOf,
  gradientSumsOf,
  startReflected,
} from '../../support/regression-views.ts';
import { listen } from '../../support/daemon-log.ts';
import { startRecordingProxy } from '../../support/recording-proxy.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const X1 = column(11);
const X2 = column(22);
const Y = X1.map((value, row) => 3.3 * value - 1.7 * (X2[row] ?? 0) + 0.01 * (column(33)[row] ?? 0));

function environmentThrough(stage: RegressionStage, port: number): Environment {
  const { address, colonyName, colonyOwner } = stage.colony;
  return { server: { ...address, port }, colonyName, colonyIdentity: colonyOwner, source: 'environment' };
}

async function startThrough(
  stage: RegressionStage,
  ports: Record<'x1' | 'x2' | 'y' | 'aggregator', number>,
  log: pino.Logger,
) {
  const options = (port: number) => ({ environment: environmentThrough(stage, port), log });
  const table = (name: string, values: readonly number[]) => stage.writeTable(`${name}.csv`, new Map([[name, values]]));
  const [x1, x2, y] = await Promise.all([table('x1', X1), table('x2', X2), table('y', Y)]);
  await Promise.all([
    stage.startFeature('x1', { source: x1 }, options(ports.x1)),
    stage.startFeature('x2', { source: x2 }, options(ports.x2)),
    stage.startLabel('y', { source: y }, options(ports.y)),
    stage.startAggregator('regression-aggregator', options(ports.aggregator)),
  ]);
}

test.each(['single-key', 'threshold', 'additive'] as const)(
  'in mode %s no wire, server file or log shows a row, label, coefficient, gradient, loss or key',
  async (mode) => {
    await using stage = await openRegressionStage();
    const { port } = stage.colony.address;
    await using x1Wire = await startRecordingProxy(port);
    await using x2Wire = await startRecordingProxy(port);
    await using yWire = await startRecordingProxy(port);
    await using aggregatorWire = await startRecordingProxy(port);
    const { log, text } = listen();
    const ports = { x1: x1Wire.port, x2: x2Wire.port, y: yWire.port, aggregator: aggregatorWire.port };
    await startThrough(stage, ports, log);
    const keyBits = mode === 'additive' ? 768 : SEED_REQUEST.keyBits;
    const request = {
      ...SEED_REQUEST,
      run: 'seen',
      scaling: 'standard',
      mode,
      keyBits,
      iterations: 3,
      holdoutEvery: 6,
    };
    await stage.submit(request);
    const keys: string[] = [];
    await reached(stage, 'seen', 'open-y-0', 'success');
    for (const party of ['x1', 'x2', 'y']) keys.push(...(await secretsOf(stage, party, 'seen')));
    if (mode === 'additive') for (const party of ['x1', 'x2']) keys.push(...(await ownKeysOf(stage, party, 'seen')));
    await stage.finished('seen');
    const steps = [...(await stepsOf(stage, 'x1')), ...(await stepsOf(stage, 'x2'))];
    const losses = await stage.lossesOf('y', 'seen');
    const metrics = z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(await stage.fileOf('y', 'seen', 'metrics.json')));
    const figures = [...X1, ...X2, ...Y, ...steps, ...losses, Number(metrics['rSquared'])].flatMap(spellings);
    expect(losses).toHaveLength(3);
    expect(keys.length).toBeGreaterThan(4);
    const seen: Readonly<Record<string, string>> = {
      'the wire of x1': x1Wire.readableText(),
      'the wire of x2': x2Wire.readableText(),
      'the wire of y': yWire.readableText(),
      'the wire of the aggregator': aggregatorWire.readableText(),
      "the server's files": await contentsOf(stage.colony.directory),
      'the logs': text(),
    };
    for (const [where, shown] of Object.entries(seen)) {
      expect(shown.length, where).toBeGreaterThan(500);
      const found = [...figures, ...keys].filter((secret) => shown.includes(secret));
      expect(found, where).toHaveLength(0);
    }
    expect(seen['the wire of x1']).toContain(mode === 'additive' ? 'regression_mask' : 'regression_gradient');
    const own = await contentsOf(join(stage.directory, 'y'));
    for (const step of steps) expect(own).not.toContain(String(step));
    const theirs = (await contentsOf(join(stage.directory, 'x1'))) + (await contentsOf(join(stage.directory, 'x2')));
    for (const loss of losses) expect(theirs).not.toContain(String(loss));
  },
);

/** How a number might stand in text or in bytes. */
function spellings(value: number): string[] {
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleBE(value, 0);
  bytes.writeDoubleLE(value, 8);
  return [String(value), bytes.toString('latin1', 0, 8), bytes.toString('latin1', 8)];
}

async function stepsOf(stage: RegressionStage, party: string): Promise<number[]> {
  return parseThetas(await stage.fileOf(party, 'seen', 'thetas.log')).flatMap(({ theta, sum }) => [theta, sum]);
}

const State = z.looseObject({ state: z.record(z.string(), z.unknown()) });

/** Keys, seeds, shares and masks that a party's state holds while the run goes on. */
async function secretsOf(stage: RegressionStage, party: string, run: string): Promise<string[]> {
  const { state } = State.parse(JSON.parse(await stage.fileOf(party, run, 'state.json')));
  const { half, primes, group, pairs, share, feature } = z
    .looseObject({
      half: z.looseObject({ privateHalf: z.string() }).nullable(),
      primes: z.record(z.string(), z.string()).nullish(),
      group: z.string().nullish(),
      pairs: z.record(z.string(), z.string()).optional(),
      share: z.string().nullable(),
      feature: z.looseObject({ pending: z.looseObject({ masks: z.array(z.string()) }).nullable() }).optional(),
    })
    .parse(state);
  const secrets = [half?.privateHalf, group, share, ...Object.values(primes ?? {}), ...Object.values(pairs ?? {})];
  const texts = [...secrets, ...(feature?.pending?.masks ?? [])].filter((secret) => typeof secret === 'string');
  return spelledKeys(texts);
}

const OwnKeys = z.looseObject({
  state: z.looseObject({ own: z.looseObject({ p: z.string(), q: z.string(), padSeed: z.string() }) }),
});

/** The primes and the seed of pads that a feature party keeps to itself where residuals stay shared. */
async function ownKeysOf(stage: RegressionStage, party: string, run: string): Promise<string[]> {
  const { p, q, padSeed } = OwnKeys.parse(JSON.parse(await stage.fileOf(party, run, 'keys.json'))).state.own;
  return spelledKeys([p, q, padSeed]);
}

/** Secrets as hexadecimal text and as bytes. */
function spelledKeys(texts: readonly string[]): string[] {
  return texts.flatMap((text) => [text, Buffer.from(text, 'hex').toString('latin1')]).filter((text) => text.length > 7);
}

const Opened = z.looseObject({ openings: z.array(z.looseObject({ residues: z.base64url() })) });
const RESIDUE_BYTES = 64;

/** The residues that the label party opened in a run, as bytes. */
async function openedIn(stage: RegressionStage, run: string): Promise<Buffer[]> {
  const opens = (await stage.processes(run, 'success')).filter(({ spec }) => spec.functionName === 'regression_open');
  return opens.flatMap((process) =>
    Opened.parse(JSON.parse(saidBy(process))).openings.flatMap(({ residues }) => {
      const bytes = Buffer.from(residues, 'base64url');
      return Array.from({ length: bytes.length / RESIDUE_BYTES }, (_, index) =>
        bytes.subarray(index * RESIDUE_BYTES, (index + 1) * RESIDUE_BYTES),
      );
    }),
  );
}

test('openings are uniform, differ between runs on equal rows, and gradients depend on others through second moments only', async () => {
  await using stage = await openRegressionStage();
  const start = (direction: readonly number[]) =>
    Promise.all([
      startReflected(stage, 'x1', 100, direction),
      startReflected(stage, 'x2', 200, direction),
      startReflected(stage, 'y', 300, direction),
    ]);
  await stage.startAggregator();
  const first = await start(column(7));
  const request = { ...SEED_REQUEST, intercept: 'none', alpha: 0.001, iterations: 6, blockIterations: 3 };
  await stage.train({ ...request, run: 'first' });
  await stage.train({ ...request, run: 'again' });
  await Promise.all(first.map((worker) => worker.stop({ graceMs: 0 })));
  await start(column(8));
  await stage.train({ ...request, run: 'turned' });

  const residues = await openedIn(stage, 'first');
  const others = await openedIn(stage, 'again');
  expect(residues.length).toBeGreaterThanOrEqual(60);
  const all = new Set([...residues, ...others].map((bytes) => bytes.toString('hex')));
  expect(all.size).toBe(residues.length + others.length);
  // 255 degrees of freedom: a uniform source stays below 400 but for once in some 10^8 runs.
  expect(chiSquare(Buffer.concat(residues.map((bytes) => bytes.subarray(4))))).toBeLessThan(400);

  for (const party of ['x1', 'x2']) {
    const sums = await Promise.all(['first', 'again', 'turned'].map((run) => gradientSumsOf(stage, party, run)));
    const [known = [], ...rest] = sums;
    expect(known).toHaveLength(COLUMNS * 6);
    for (const found of rest) expect(distance(found, known)).toBeLessThan(1e-6);
  }
});
