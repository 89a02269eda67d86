import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { type Desk, openDesk, type RunningProgram, until } from '../support/processes.ts';
import { type Party, startParty } from '../support/regression-processes.ts';
import { distance, readVectors } from '../support/regression.ts';
import { parseThetas } from '../support/regression-daemons.ts';

const PARTIES = join(import.meta.dirname, '../../workflows/vertical-regression/parties');
const Seed = z.object({
  n100: z.object({ iterations: z.record(z.string(), z.object({ theta: z.array(z.number()) })) }),
});
const { iterations: ORACLE } = Seed.parse(readVectors('seed000_gd.json')).n100;
const ITERATIONS = 20;

async function startParties(desk: Desk): Promise<Record<Party, RunningProgram>> {
  await mkdir(desk.directory, { recursive: true });
  for (const party of ['x1', 'x2', 'y'])
    await copyFile(join(PARTIES, `${party}.csv`), join(desk.directory, `${party}.csv`));
  const [x1, x2, y, aggregator] = await Promise.all(
    (['x1', 'x2', 'y', 'aggregator'] as const).map((party) => startParty(desk, party)),
  );
  if (!x1 || !x2 || !y || !aggregator) throw new Error('expected four daemons');
  return { x1, x2, y, aggregator };
}

async function submit(desk: Desk, run: string, changes: object = {}): Promise<void> {
  const request = {
    run,
    label: 'y',
    features: ['x1', 'x2'],
    model: 'linear',
    scaling: 'none',
    alpha: 0.1,
    iterations: ITERATIONS,
    blockIterations: 3,
    residualBoundBits: 10,
    keyBits: 1024,
    guards: 'demonstration',
    ...changes,
  };
  await writeFile(join(desk.directory, 'request.json'), JSON.stringify(request));
  const { exitCode, stderr } = await desk.run(['regression', 'submit', '--spec', 'request.json']);
  expect(exitCode, stderr).toBe(0);
}

const Status = z.object({ state: z.string(), iterations: z.number(), failures: z.array(z.string()) });

async function statusOf(desk: Desk, run: string): Promise<z.output<typeof Status>> {
  const { stdout } = await desk.run(['regression', 'status', run, '--json']);
  return Status.parse(JSON.parse(stdout));
}

/** Waits until so many iterations are done. */
async function advanced(desk: Desk, run: string, iterations: number): Promise<void> {
  await until(async () => {
    const status = await statusOf(desk, run);
    expect(status.failures).toEqual([]);
    return status.iterations >= iterations;
  });
}

async function ended(desk: Desk, run: string): Promise<void> {
  await until(async () => (await statusOf(desk, run)).state !== 'running');
  expect(await statusOf(desk, run)).toEqual(expect.objectContaining({ state: 'finished', iterations: ITERATIONS }));
}

function fileOf(desk: Desk, party: string, run: string, name: string): string {
  return join(desk.directory, 'home', 'regression', party, run, name);
}

async function thetasOf(desk: Desk, party: string, run: string): Promise<number[]> {
  return parseThetas(await readFile(fileOf(desk, party, run, 'thetas.log'), 'utf8')).map(({ theta }) => theta);
}

async function expectOracle(desk: Desk, run: string): Promise<void> {
  const [left, right] = [await thetasOf(desk, 'x1', run), await thetasOf(desk, 'x2', run)];
  const steps = Array.from({ length: ITERATIONS }, (_, step) => ORACLE[String(step + 1)]?.theta ?? []);
  expect(
    distance(
      left,
      steps.map(([theta]) => theta ?? Number.NaN),
    ),
  ).toBeLessThan(1e-6);
  expect(
    distance(
      right,
      steps.map(([, theta]) => theta ?? Number.NaN),
    ),
  ).toBeLessThan(1e-6);
}

test.each([
  ['in single-key mode', {}],
  ['with shared residuals', { mode: 'additive', precisionBits: 30 }],
])(
  '%s parties and server that are killed and come back end a training where one left alone does',
  async (_mode, changes) => {
    await using desk = await openDesk();
    const server = await desk.startServer();
    const daemons = await startParties(desk);
    await submit(desk, 'killed', changes);
    await advanced(desk, 'killed', 1);
    await daemons.x1.end('SIGKILL');
    await startParty(desk, 'x1');
    await advanced(desk, 'killed', 2);
    await daemons.x2.end('SIGKILL');
    // Without it nobody goes on, however fast the machine is.
    expect((await statusOf(desk, 'killed')).state).toBe('running');
    await server.end('SIGKILL');
    await desk.startServer();
    await startParty(desk, 'x2');
    await advanced(desk, 'killed', 3);
    await daemons.y.end('SIGKILL');
    await startParty(desk, 'y');
    await daemons.aggregator.end('SIGKILL');
    await startParty(desk, 'aggregator');
    await ended(desk, 'killed');
    await expectOracle(desk, 'killed');
    const report = await desk.run(['regression', 'report', 'killed']);
    expect(report.stdout).toMatch(/x1:\nCOLUMN\s+THETA\s+PER UNIT\nx1\s+31\.0\d+/);
    expect((await stat(join(desk.directory, 'home', 'regression', 'x1', 'identity.key'))).mode & 0o777).toBe(0o600);
  },
);

test('a party that is away only makes the others wait, and "cancel" frees everybody', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  const daemons = await startParties(desk);
  await submit(desk, 'away', { mode: 'threshold' });
  await advanced(desk, 'away', 1);
  await daemons.x2.end('SIGTERM');
  const cancelled = await desk.run(['regression', 'cancel', 'away']);
  expect(cancelled.exitCode, cancelled.stderr).toBe(0);
  expect((await statusOf(desk, 'away')).state).toBe('cancelled');
  const resumed = desk.start(['regression', 'resume', 'away', '--wait']);
  await until(() => resumed.stderr().includes('iterations'));
  expect((await statusOf(desk, 'away')).state).toBe('running');
  await startParty(desk, 'x2');
  expect((await resumed.outcome).exitCode).toBe(0);
  await expectOracle(desk, 'away');
});
