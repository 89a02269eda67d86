import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { type Desk, openDesk, type RunningProgram, until } from '../support/processes.ts';
import { type Party, startParty } from '../support/regression-processes.ts';
import { distance } from '../support/regression.ts';
import { parseThetas } from '../support/regression-daemons.ts';

const FOLDER = join(import.meta.dirname, '../../workflows/vertical-regression');
const REQUEST = {
  run: 'june',
  label: 'y',
  features: ['x1', 'x2'],
  model: 'linear',
  scaling: 'none',
  alpha: 0.1,
  iterations: 3,
  residualBoundBits: 10,
  keyBits: 1024,
  guards: 'demonstration',
};

/** Starts a party's daemon; a feature party's has new rows as well. */
function startPredicting(desk: Desk, party: Party): Promise<RunningProgram> {
  return startParty(desk, party, ['--new-rows', join(desk.directory, `${party}-new.csv`)]);
}

async function startTraining(desk: Desk): Promise<Record<Party, RunningProgram>> {
  await mkdir(desk.directory, { recursive: true });
  for (const party of ['x1', 'x2', 'y']) {
    await copyFile(join(FOLDER, 'parties', `${party}.csv`), join(desk.directory, `${party}.csv`));
  }
  for (const party of ['x1', 'x2']) {
    await copyFile(join(FOLDER, 'new-rows', `${party}.csv`), join(desk.directory, `${party}-new.csv`));
  }
  const [x1, x2, y, aggregator] = [
    await startPredicting(desk, 'x1'),
    await startPredicting(desk, 'x2'),
    await startPredicting(desk, 'y'),
    await startPredicting(desk, 'aggregator'),
  ];
  await writeFile(join(desk.directory, 'request.json'), JSON.stringify(REQUEST));
  const { exitCode, stderr } = await desk.run(['regression', 'submit', '--spec', 'request.json', '--wait']);
  expect(exitCode, stderr).toBe(0);
  return { x1, x2, y, aggregator };
}

const Status = z.looseObject({
  state: z.string(),
  failures: z.array(z.string()),
  waitsFor: z.array(z.looseObject({ node: z.string() })),
});

async function statusOf(desk: Desk, run: string): Promise<z.output<typeof Status>> {
  const { stdout } = await desk.run(['regression', 'status', run, '--json']);
  return Status.parse(JSON.parse(stdout));
}

/** Waits until only this party's turn has come. */
async function waitsFor(desk: Desk, run: string, node: string): Promise<void> {
  await until(async () => {
    const status = await statusOf(desk, run);
    expect(status.failures).toEqual([]);
    return status.waitsFor.length === 1 && status.waitsFor[0]?.node === node;
  });
}

function fileOf(desk: Desk, party: string, run: string, name: string): Promise<string> {
  return readFile(join(desk.directory, 'home', 'regression', party, run, name), 'utf8');
}

/** How far predictions are, at most, from what the parties' coefficients give in the clear. */
async function distanceOf(desk: Desk, prediction: string): Promise<number> {
  const parts = await Promise.all(
    ['x1', 'x2'].map(async (party) => {
      const theta = parseThetas(await fileOf(desk, party, 'june', 'thetas.log')).at(-1)?.theta ?? Number.NaN;
      const lines = (await readFile(join(desk.directory, `${party}-new.csv`), 'utf8')).trimEnd().split('\n').slice(1);
      return lines.map((line) => theta * Number(line));
    }),
  );
  const expected = (parts[0] ?? []).map((part, row) => part + (parts[1]?.[row] ?? Number.NaN));
  const [, ...lines] = (await fileOf(desk, 'y', prediction, 'predictions.csv')).trimEnd().split('\n');
  return distance(
    lines.map((line) => Number(line.split(',')[1])),
    expected,
  );
}

test('parties and server that are killed in the middle of a prediction and come back end it, and count its rows once', async () => {
  await using desk = await openDesk();
  const server = await desk.startServer();
  const daemons = await startTraining(desk);
  await daemons.x2.end('SIGKILL');
  const submitted = await desk.run(['regression', 'predict', '--run', 'june', '--name', 'ward']);
  expect(submitted.exitCode, submitted.stderr).toBe(0);
  await waitsFor(desk, 'ward', 'offer-x2');
  await daemons.x1.end('SIGKILL');
  await server.end('SIGKILL');
  await desk.startServer();
  const second = await startPredicting(desk, 'x2');
  await waitsFor(desk, 'ward', 'confirm-x1');
  await daemons.y.end('SIGKILL');
  await second.end('SIGKILL');
  await Promise.all([startPredicting(desk, 'x1'), startPredicting(desk, 'x2'), startPredicting(desk, 'y')]);
  await until(async () => (await statusOf(desk, 'ward')).state !== 'running');
  expect(await statusOf(desk, 'ward')).toMatchObject({ state: 'finished', failures: [] });
  expect(await distanceOf(desk, 'ward')).toBeLessThan(1e-6);
  for (const party of ['x1', 'x2']) {
    expect(JSON.parse(await fileOf(desk, party, 'june', 'predictions.json'))).toEqual({ v: 1, rows: { ward: 5 } });
  }
  const report = await desk.run(['regression', 'report', 'ward', '--party', 'y']);
  expect(report.stdout).toMatch(/y:\nROW\s+PREDICTION\n0\s+-8\d\.\d+/);
});
