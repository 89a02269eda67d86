import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createColoniesClient } from '../../colony/client.ts';
import { predictionWorkflow } from '../../workflows/vertical-regression/prediction-builder.ts';
import { until } from '../support/processes.ts';
import { columnOf, readTable } from '../support/regression.ts';
import { SEED_REQUEST } from '../support/regression-seed.ts';
import { type CliColony, type Run, startCliColony } from './support.ts';

const grid = readTable('synthetic_grid_100.csv');
let cli: CliColony;
let directory: string;
const stopping = new AbortController();
const daemons: Promise<Run>[] = [];

async function startDaemon(words: readonly string[], party: string): Promise<void> {
  let talk = '';
  const options = ['--directory', join(directory, party), '--demonstration'];
  const { signal } = stopping;
  daemons.push(cli.run(['executor', 'start', ...words, ...options], { signal, onTalk: (text) => (talk = text) }));
  await until(
    () => talk.includes('Ctrl-C stops it'),
    () => talk,
  );
}

async function table(name: string, column: string, values: ArrayLike<number>): Promise<string> {
  const path = join(directory, `${name}.csv`);
  await writeFile(path, `${[column, ...Array.from(values)].join('\n')}\n`);
  return path;
}

beforeAll(async () => {
  cli = await startCliColony();
  directory = await mkdtemp(join(tmpdir(), 'regression-predictions-'));
  const feature = async (party: string, values: readonly number[]): Promise<void> => {
    const source = await table(party, party, columnOf(grid, party));
    const newRows = await table(`${party}-new`, party, values);
    await startDaemon(['regression-feature', party, '--source', source, '--new-rows', newRows], party);
  };
  await Promise.all([
    feature('x1', [1, 2, 3]),
    feature('x2', [10, 0, -10]),
    startDaemon(['regression-label', 'y', '--source', await table('y', 'y', columnOf(grid, 'y'))], 'y'),
    startDaemon(['regression-aggregator'], 'aggregator'),
  ]);
  const spec = join(directory, 'june.json');
  await writeFile(spec, JSON.stringify({ ...SEED_REQUEST, run: 'june', iterations: 20, blockIterations: 20 }));
  expect((await cli.run(['regression', 'submit', '--spec', spec, '--wait'])).code).toBe(0);
}, 60_000);

afterAll(async () => {
  stopping.abort();
  await Promise.all(daemons);
  await cli[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const reportOf = (run: string): string[] => ['regression', 'report', run, '--directory', join(directory, 'y')];

test('a prediction that is waited for ends with where the label party reads it, and its report shows it', async () => {
  const ended = await cli.run(['regression', 'predict', '--run', 'june', '--name', 'ward', '--wait']);
  expect(ended).toMatchObject({ code: 0, stdout: 'colonies regression report ward\n' });
  expect(ended.stderr).toMatch(/the party with the labels, and nobody else, reads it/);
  const report = await cli.run(reportOf('ward'));
  expect(report.stdout).toMatch(/ROW\s+PREDICTION\n0\s+-2\d\.\d+\n1\s+6\d\.\d+\n2\s+14\d\.\d+/);
  expect(report.stdout).toMatch(/predictions: .*ward.*predictions\.csv/);
  expect(await cli.json(reportOf('ward'))).toMatchObject({
    parties: [
      {
        party: 'y',
        predictions: {
          columns: ['row', 'prediction'],
          rows: [0, 1, 2].map((row) => [String(row), expect.any(String)]),
        },
      },
    ],
  });
  const status = await cli.run(['regression', 'status', 'ward']);
  expect(status.stdout).toMatch(/State\s+finished\nPredicts with\s+june/);
  expect(status.stdout).not.toMatch(/Iterations/);
});

test('a prediction without a name gets one of its own, and one that fails says why', async () => {
  const submitted = await cli.json(['regression', 'predict', '--run', 'june']);
  expect(submitted).toMatchObject({ trained: 'june', run: expect.stringMatching(/^june\.\d{8}T\d{6}$/) });
  await table('x2-new', 'x2', [10, 0]);
  const failed = await cli.run(['regression', 'predict', '--run', 'june', '--name', 'short', '--wait']);
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(/Prediction short: failed\n.*expected 3 new rows as x1 has, got 2 of x2/);
  expect((await cli.run(['regression', 'resume', 'short'])).stderr).toMatch(/got a prediction, which has one attempt/);
});

async function wrong(...words: string[]): Promise<string> {
  const { code, stderr } = await cli.run(['regression', 'predict', ...words]);
  expect(code).toBe(1);
  return stderr;
}

test('a prediction that waits is cancelled', async () => {
  await cli.colony.addExecutor('sleeper');
  const parties = { label: 'sleeper', features: ['sleeper'] };
  const request = { v: 1, prediction: 'waits', run: 'june', training: '0'.repeat(64), ...parties };
  const functionSpecs = predictionWorkflow(request, JSON.stringify(request)).slice(0, 1);
  const { address: server, user: identity, colonyName } = cli.colony;
  await createColoniesClient({ server, identity }).submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
  const status = await cli.run(['regression', 'status', 'waits']);
  expect(status.stdout).toMatch(/State\s+running\nPredicts with\s+june\nWaits for\s+sleeper: offer-sleeper/);
  expect(await cli.json(['regression', 'status', 'waits'])).not.toHaveProperty('stage');
  const cancelled = await cli.run(['regression', 'cancel', 'waits']);
  expect(cancelled).toMatchObject({ code: 0, stderr: expect.stringMatching(/Prediction cancelled: waits/) });
  expect(await cli.json(['regression', 'status', 'waits'])).toMatchObject({ state: 'cancelled', predictsWith: 'june' });
});

test('names that were used, trainings that are none, and names that cannot be are refused before anybody is asked', async () => {
  expect(await wrong('--run', 'never')).toMatch(/expected a training that the colony or a party of this machine knows/);
  expect(await wrong('--run', 'june', '--name', 'june')).toMatch(
    /--name: expected a name that the colony has not seen/,
  );
  expect(await wrong('--run', 'june', '--name', 'a/b')).toMatch(/--name: expected 1 to 64 letters.*, got "a\/b"/);
  expect(await wrong('--run', 'ward')).toMatch(/expected a training, got the prediction ward/);
});

test('a party of this machine knows a training that the colony has forgotten', async () => {
  const home = join(directory, 'y', 'june');
  expect(JSON.parse(await readFile(join(home, 'model.json'), 'utf8'))).toMatchObject({
    run: 'june',
    party: 'y',
    training: { parameters: { scaleBits: 40, predictionRows: 1000 } },
  });
  // Under a name that the colony has never seen, only the directory can tell what was trained.
  const elsewhere = join(directory, 'elsewhere');
  await cp(home, join(elsewhere, 'forgotten'), { recursive: true });
  await table('x2-new', 'x2', [10, 0, -10]);
  const words = [
    'regression',
    'predict',
    '--run',
    'forgotten',
    '--directory',
    elsewhere,
    '--name',
    'remembered',
    '--wait',
  ];
  expect(await cli.run(words)).toMatchObject({ code: 0, stdout: 'colonies regression report remembered\n' });
});
