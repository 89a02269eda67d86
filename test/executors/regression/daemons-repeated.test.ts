import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createColoniesClient } from '../../../colony/client.ts';
import type { ColonyFunction, ExecutorDefinition } from '../../../colony/executor.ts';
import { generateIdentity } from '../../../colony/identity.ts';
import { startWorker, type Worker } from '../../../colony/worker.ts';
import { parseDataConfig } from '../../../data/config.ts';
import { openDataset } from '../../../data/dataset.ts';
import { defineAggregator } from '../../../executors/regression/aggregator.ts';
import type { Desk } from '../../../executors/regression/daemons/desk.ts';
import { KnownKeys } from '../../../executors/regression/daemons/known-keys.ts';
import { createPeers } from '../../../executors/regression/daemons/peers.ts';
import { defineFeatureParty } from '../../../executors/regression/feature-party.ts';
import { defineLabelParty } from '../../../executors/regression/label-party.ts';
import { cubicSigmoid } from '../../../executors/regression/rounds/cubic.ts';
import type { PartyTable } from '../../../executors/regression/daemons/table.ts';
import { at, columnOf, distance, readTable } from '../../support/regression.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { SEED_REQUEST } from '../../support/regression-seed.ts';

const grid = readTable('synthetic_grid_100.csv');
const log = pino({ level: 'silent' });

/**
 * A daemon that dies after every call, before it could say what came out, and does it all over after a restart: each function
 * is run twice, by two executors that share nothing but the party's directory.
 */
async function startForgetful(
  stage: RegressionStage,
  name: string,
  define: (desk: Desk) => ExecutorDefinition,
): Promise<Worker> {
  const { colonyName, address: server, colonyOwner } = stage.colony;
  const identity = generateIdentity();
  const client = createColoniesClient({ server, identity, log });
  const root = join(stage.directory, name);
  const born = (): ExecutorDefinition => {
    const peers = createPeers({ client, colonyName, pinned: new Map(), log });
    const keys = new KnownKeys();
    return define({ name, identity, colonyName, client, peers, keys, root, acceptsDemonstrations: true });
  };
  const { type, functions } = born();
  const twice = Object.entries(functions).map(([functionName, known]): [string, ColonyFunction] => [
    functionName,
    {
      ...known,
      async run(call) {
        await born().functions[functionName]?.run(call);
        return born().functions[functionName]?.run(call);
      },
    },
  ]);
  const definition = { type, functions: Object.fromEntries(twice) };
  const worker = await startWorker(definition, {
    type: name,
    server,
    colonyName,
    colonyIdentity: colonyOwner,
    identity,
    log,
  });
  await worker.ready;
  return worker;
}

async function tableOf(stage: RegressionStage, name: string, column: ArrayLike<number>): Promise<PartyTable> {
  const path = await stage.writeTable(`${name}.csv`, new Map([[name, column]]));
  const config = parseDataConfig({ source: { kind: 'csv', path }, columns: '*' }, { name: path, baseDirectory: '/' });
  return { dataset: await openDataset(config), columns: undefined, idColumn: undefined, commonIds: undefined };
}

const HOLDOUT = 5;
const ITERATIONS = 2;
const x1 = columnOf(grid, 'x1');
const x2 = columnOf(grid, 'x2');
const values = columnOf(grid, 'y');
const classes = values.map((value) => (value > 0 ? 1 : 0));
const LINEAR = { ...SEED_REQUEST, holdoutEvery: HOLDOUT, iterations: ITERATIONS, blockIterations: 1 };
const CUBIC = { model: 'logistic', activation: 'cubic', alpha: 0.01, columnBoundBits: 4 };

/** Gradient descent in double precision on the rows that are not held out. @returns θ after each step */
function descend(labels: Float64Array, alpha: number, activation: (score: number) => number): number[][] {
  const rows = [...labels.keys()].filter((row) => row % HOLDOUT !== 0);
  let theta = [0, 0];
  return Array.from({ length: ITERATIONS }, () => {
    const residuals = rows.map((row) => {
      const score = (theta[0] ?? 0) * (x1[row] ?? 0) + (theta[1] ?? 0) * (x2[row] ?? 0);
      return activation(score) - (labels[row] ?? 0);
    });
    theta = [x1, x2].map((column, index) => {
      const gradient = rows.reduce((sum, row, place) => sum + (residuals[place] ?? 0) * (column[row] ?? 0), 0);
      return (theta[index] ?? 0) - (alpha * gradient) / rows.length;
    });
    return theta;
  });
}

test.each([
  ['in single-key mode', LINEAR, descend(values, 0.1, (score) => score)],
  ['in threshold mode', { ...LINEAR, mode: 'threshold' }, descend(values, 0.1, (score) => score)],
  ['with shared residuals', { ...LINEAR, mode: 'additive', keyBits: 1024 }, descend(values, 0.1, (score) => score)],
  ['in the cubic form', { ...LINEAR, ...CUBIC }, descend(classes, 0.01, cubicSigmoid)],
])(
  '%s every function may be called again after a crash, and nothing changes',
  { timeout: 120_000 },
  async (_mode, request, expected) => {
    await using stage = await openRegressionStage();
    const tables = await Promise.all([
      tableOf(stage, 'x1', x1),
      tableOf(stage, 'x2', x2),
      tableOf(stage, 'y', 'activation' in request ? classes : values),
    ]);
    const workers = await Promise.all([
      startForgetful(stage, 'x1', (desk) => defineFeatureParty(desk, tables[0])),
      startForgetful(stage, 'x2', (desk) => defineFeatureParty(desk, tables[1])),
      startForgetful(stage, 'y', (desk) => defineLabelParty(desk, tables[2])),
      startForgetful(stage, 'regression-aggregator', (desk) => defineAggregator(desk)),
    ]);
    try {
      await stage.train({ ...request, run: 'twice' });
      const [left, right] = [await stage.thetasOf('x1', 'twice'), await stage.thetasOf('x2', 'twice')];
      expect(
        distance(
          [...left.flat(), ...right.flat()],
          [0, 1].flatMap((party) => expected.map((theta) => at(theta, party))),
        ),
      ).toBeLessThan(1e-6);
      expect(JSON.parse(await stage.fileOf('y', 'twice', 'metrics.json'))).toMatchObject({ rows: 20 });
    } finally {
      await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
    }
  },
);
