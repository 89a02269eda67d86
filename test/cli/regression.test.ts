import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attendedCalls } from '../../cli/views/regression-open.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { until } from '../support/processes.ts';
import { columnOf, readTable } from '../support/regression.ts';
import { SEED_REQUEST } from '../support/regression-seed.ts';
import { type CliColony, type Run, startCliColony } from './support.ts';

const grid = readTable('synthetic_grid_100.csv');
let cli: CliColony;
let directory: string;
const stopping = new AbortController();
const daemons: Promise<Run>[] = [];

/** Starts a daemon as its operator does, with a directory of its own, and waits until it says so. */
async function startDaemon(words: readonly string[], party: string, signal = stopping.signal): Promise<void> {
  let talk = '';
  const daemon = cli.run(['executor', 'start', ...words, '--directory', join(directory, party), '--demonstration'], {
    signal,
    onTalk: (text) => (talk = text),
  });
  daemons.push(daemon);
  await until(
    () => talk.includes('Ctrl-C stops it'),
    () => talk,
  );
}

async function tableOf(party: string, names: readonly string[]): Promise<string> {
  const path = join(directory, `${party}.csv`);
  const columns = names.map((name) => columnOf(grid, name));
  const rows = Array.from(columns[0] ?? [], (_, row) => columns.map((column) => column[row]).join(','));
  await writeFile(path, `${[names.join(','), ...rows].join('\n')}\n`);
  return path;
}

async function requestFile(run: string, changes: object = {}): Promise<string> {
  const path = join(directory, `${run}.json`);
  await writeFile(path, JSON.stringify({ ...SEED_REQUEST, run, ...changes }));
  return path;
}

beforeAll(async () => {
  cli = await startCliColony();
  directory = await mkdtemp(join(tmpdir(), 'regression-cli-'));
  await Promise.all([
    startDaemon(['regression-feature', 'x1', '--source', await tableOf('x1', ['x2', 'x1']), '--columns', 'x1'], 'x1'),
    startDaemon(['regression-feature', 'x2', '--source', await tableOf('x2', ['x2'])], 'x2'),
    startDaemon(['regression-label', 'y', '--source', await tableOf('y', ['x1', 'y']), '--target', 'y'], 'y'),
    startDaemon(['regression-aggregator'], 'aggregator'),
  ]);
});

afterAll(async () => {
  stopping.abort();
  await Promise.all(daemons);
  await cli[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test('a training that is waited for says how far it is, and its report shows coefficients, curve and picture', async () => {
  const spec = await requestFile('seen', { iterations: 3, holdoutEvery: 5 });
  const submitted = await cli.run(['regression', 'submit', '--spec', spec, '--wait']);
  expect(submitted).toMatchObject({ code: 0, stdout: 'colonies regression report seen\n' });
  expect(submitted.stderr).toMatch(/seen: 3 of 3 iterations/);
  const status = await cli.run(['regression', 'status', 'seen']);
  expect(status.stdout).toMatch(/State\s+finished/);
  expect(status.stdout).toMatch(/Iterations\s+3 of 3/);
  expect(await cli.json(['regression', 'status', 'seen'])).toMatchObject({
    state: 'finished',
    iterations: 3,
    failures: [],
    openWorkflows: [],
    parameters: { rows: 80, mode: 'single-key' },
  });

  const x1 = await cli.run(['regression', 'report', 'seen', '--directory', join(directory, 'x1')]);
  expect(x1.stdout).toMatch(/COLUMN\s+THETA\s+PER UNIT\nx1\s+3[01]\.\d+/);
  const picture = join(directory, 'loss.svg');
  const y = await cli.run(['regression', 'report', 'seen', '--directory', join(directory, 'y'), '--svg', picture]);
  expect(y.stdout).toMatch(/\*/);
  expect(y.stdout).toMatch(/loss before each iteration/);
  expect(y.stdout).toMatch(/R squared\s+0\.99\d{1,4}\n/);
  expect(y.stdout).not.toMatch(/\d\.\d{8}/);
  const svg = await readFile(picture, 'utf8');
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg.match(/<polyline points="[\d., ]+"/)?.[0].split(' ')).toHaveLength(4);
  expect(openTags(svg)).toEqual([]);
  expect(await cli.json(['regression', 'report', 'seen', '--directory', join(directory, 'y')])).toMatchObject({
    run: 'seen',
    parties: [
      {
        party: 'y',
        losses: [expect.any(Number), expect.any(Number), expect.any(Number)],
        lossIterations: [0, 1, 2],
        metrics: { rSquared: expect.any(Number) },
      },
    ],
  });
});

/** Names of elements that are opened and not closed; every element must close. */
function openTags(xml: string): string[] {
  const open: string[] = [];
  for (const [, close, name = '', empty] of xml.matchAll(/<(\/)?([a-z]+)(?:\s[^<>]*?)?(\/)?>/g)) {
    if (empty !== undefined) continue;
    if (close === undefined) open.push(name);
    else if (open.pop() !== name) return [`</${name}>`];
  }
  return open;
}

test('a name that was used, a party that is not there, and an unknown run are told from each other', async () => {
  const spec = await requestFile('twice', { iterations: 1 });
  expect((await cli.run(['regression', 'submit', '--spec', spec, '--wait'])).code).toBe(0);
  const again = await cli.run(['regression', 'submit', '--spec', spec]);
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/run twice: expected a name that the colony has not seen, got one that is finished/);
  const absent = await cli.run([
    'regression',
    'submit',
    '--spec',
    await requestFile('absent', { features: ['x1', 'zz'] }),
  ]);
  expect(absent.code).toBe(1);
  expect(absent.stderr).toMatch(/got none of type zz; start their daemons/);
  for (const command of ['status', 'cancel', 'resume']) {
    const unknown = await cli.run(['regression', command, 'never']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/run never: expected processes of that run/);
  }
  expect((await cli.run(['regression', 'report', 'never'])).stderr).toMatch(/expected a party of this machine/);
  expect((await cli.run(['regression', 'resume', 'twice'])).stderr).toMatch(/got one that is finished/);
});

test('two parties with one name are told from each other before anything is submitted', async () => {
  const [first, second] = [await cli.colony.addExecutor('twin'), await cli.colony.addExecutor('twin')];
  const spec = await requestFile('twins', { features: ['x1', 'twin'] });
  const refused = await cli.run(['regression', 'submit', '--spec', spec]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    `twin: expected one party of that name, got the executors ${first.name}, ${second.name}`,
  );
  expect((await cli.run(['regression', 'status', 'twins'])).stderr).toMatch(/got none/);
});

test('a training that stands still names whom it waits for, and that nobody of that name is online', async () => {
  await cli.colony.addExecutor('sleeper');
  const spec = await requestFile('still', { features: ['x1', 'sleeper'] });
  expect((await cli.run(['regression', 'submit', '--spec', spec])).code).toBe(0);
  let status = '';
  await until(
    async () => {
      status = (await cli.run(['regression', 'status', 'still'])).stdout;
      return status.match(/Waits for/g)?.length === 1 && status.includes('survey-sleeper');
    },
    () => status,
  );
  expect(status).toMatch(/State\s+running/);
  expect(status).toMatch(/Under way\s+survey of rows and columns/);
  expect(status).toMatch(
    /Waits for\s+sleeper: survey-sleeper, waiting for [\d.]+ m?s; no daemon of type sleeper is online: ask its operator to start it/,
  );
  expect(await cli.json(['regression', 'status', 'still'])).toMatchObject({
    stage: { name: 'survey' },
    waitsFor: [
      {
        node: 'survey-sleeper',
        functionName: 'regression_survey_columns',
        party: 'sleeper',
        state: 'waiting',
        since: expect.stringMatching(/^\d{4}-/),
        isOnline: false,
      },
    ],
  });
  expect((await cli.run(['regression', 'cancel', 'still'])).code).toBe(0);
  expect(await cli.json(['regression', 'status', 'still'])).toMatchObject({ state: 'cancelled', waitsFor: [] });
});

test('a training under way names its block and the party whose turn it is', async () => {
  const spec = await requestFile('turns', { iterations: 16 });
  const followed = cli.run(['regression', 'submit', '--spec', spec, '--wait']);
  let status = '';
  await until(
    async () => {
      status = (await cli.run(['regression', 'status', 'turns'])).stdout;
      return /Under way\s+block of iterations \d+ to \d+/.test(status) && status.includes('Waits for');
    },
    () => status,
  );
  expect(status).toMatch(
    /Waits for\s+(y|x1|x2|regression-aggregator): [a-z0-9-]+, (waiting|running)( for [\d.]+ m?s)?\n/,
  );
  expect((await cli.run(['regression', 'cancel', 'turns'])).code).toBe(0);
  expect(await followed).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(
      /Training turns: cancelled\nIt can go on from its last iteration: colonies regression resume turns\n$/,
    ),
  });
});

test('a party that has said good-bye is absent at once, and was heard from before', async () => {
  const leaving = new AbortController();
  const words = ['regression-feature', 'guest', '--source', await tableOf('guest', ['x2'])];
  await startDaemon(words, 'guest', AbortSignal.any([leaving.signal, stopping.signal]));
  const { colonyName, address, user } = cli.colony;
  const connection = { colonyName, client: createColoniesClient({ server: address, identity: user }) };
  const call = {
    node: 'forward-guest-0',
    functionName: 'regression_forward',
    party: 'guest',
    state: 'waiting',
    since: undefined,
  } as const;
  await until(async () => (await attendedCalls(connection, [call]))[0]?.isOnline === true);
  leaving.abort();
  await daemons.at(-1);
  expect(await attendedCalls(connection, [call])).toMatchObject([{ isOnline: false, lastHeard: expect.any(Date) }]);
});

test('a request that is wrong is refused with the field that is wrong', async () => {
  const wrong = async (changes: object): Promise<string> =>
    (await cli.run(['regression', 'submit', '--spec', await requestFile('wrong', changes)])).stderr;
  expect(await wrong({ alpha: -1 })).toMatch(/wrong\.json: request: alpha/);
  expect(await wrong({ features: ['x1', 'y'] })).toMatch(/features: expected every party once/);
  expect(await wrong({ steps: 3 })).toMatch(/wrong\.json: request: .*steps/i);
  const several = await wrong({ alpha: undefined, mode: 'treshold', iteration: 5 });
  expect(several).toContain('alpha: expected number, got nothing; ');
  expect(several).toContain('mode: expected one of single-key, threshold, additive, got text of 8 characters');
  expect(several).toContain('unknown keys iteration');
  await writeFile(join(directory, 'text.json'), 'no JSON');
  const cubic = { model: 'logistic', activation: 'cubic', scaling: 'bounded', columnBoundBits: 0 };
  expect(await wrong({ ...cubic, loss: true })).toMatch(/loss: expected false or nothing for the cubic form/);
  const text = await cli.run(['regression', 'submit', '--spec', join(directory, 'text.json')]);
  expect(text.code).toBe(1);
  expect(text.stderr).toMatch(/text\.json/);
});

test('a training that fails ends with exit code 3 and the reason', async () => {
  const spec = await requestFile('guarded', { guards: 'strict', keyBits: 2048, iterations: 50 });
  const run = await cli.run(['regression', 'submit', '--spec', spec, '--wait']);
  expect(run.code).toBe(3);
  expect(run.stderr).toMatch(/Training guarded: failed\n(.*\n)*.*openings of x1: expected at most 0\.1 for each row/);
  const status = await cli.run(['regression', 'status', 'guarded']);
  expect(status.stdout).toMatch(/State\s+failed/);
  expect(status.stdout).toMatch(/Failed\s+start: openings of x1/);
  expect(status.stdout).not.toMatch(/Open workflow/);
  expect(run.stderr).toMatch(/It had not begun: mend that, and submit the request under another name/);
});

test('a training that diverges ends with exit code 3 and what to do', async () => {
  const bounds = { residualBoundBits: 24, columnBoundBits: 3, scaleBits: 30 };
  const spec = await requestFile('wild', { ...bounds, alpha: 0.25, iterations: 12, blockIterations: 12 });
  const run = await cli.run(['regression', 'submit', '--spec', spec, '--wait']);
  expect(run.code).toBe(3);
  expect(run.stderr).toMatch(/Training wild: diverged; choose a smaller alpha/);
  expect((await cli.run(['regression', 'status', 'wild'])).stdout).toMatch(/Iterations\s+[67] of 12, diverged/);
});

test('a training that is cancelled stops, and goes on with "resume"', async () => {
  const spec = await requestFile('paused', { iterations: 16 });
  expect((await cli.run(['regression', 'submit', '--spec', spec])).stdout).toBe('paused\n');
  await until(async () => {
    const { stdout } = await cli.run(['regression', 'status', 'paused']);
    return /Iterations\s+([1-9]|1[0-2]) of 16/.test(stdout);
  });
  const cancelled = await cli.run(['regression', 'cancel', 'paused']);
  expect(cancelled).toMatchObject({ code: 0 });
  expect(cancelled.stderr).toMatch(/Training cancelled: paused/);
  expect((await cli.run(['regression', 'status', 'paused'])).stdout).toMatch(/State\s+cancelled/);
  expect((await cli.run(['regression', 'cancel', 'paused'])).stderr).toMatch(/Nothing of paused was open/);
  const early = await cli.run(['regression', 'report', 'paused', '--directory', join(directory, 'x1')]);
  expect(early).toMatchObject({
    code: 0,
    stdout: 'x1:\nno results yet; of a prediction only the party with the labels gets any\n',
  });
  const resumed = await cli.run(['regression', 'resume', 'paused', '--wait']);
  expect(resumed).toMatchObject({ code: 0 });
  expect(await cli.json(['regression', 'status', 'paused'])).toMatchObject({ state: 'finished', iterations: 16 });
});

test('a training without a loss, of columns that are cut, reports what there is and says of what there is nothing', async () => {
  const spec = await requestFile('bare', { iterations: 1, loss: false, scaling: 'bounded' });
  expect((await cli.run(['regression', 'submit', '--spec', spec, '--wait'])).code).toBe(0);
  const x1 = await cli.run(['regression', 'report', 'bare', '--directory', join(directory, 'x1')]);
  expect(x1.stdout).toMatch(/^x1:\nCOLUMN\s+THETA\nx1\s+\d+\.\d+\n$/);
  const y = await cli.run(['regression', 'report', 'bare', '--directory', join(directory, 'y')]);
  expect(y.stdout).toBe(
    'y:\nthe training has ended, and nothing is to be shown: it had no loss, and held no rows out\n',
  );
});

test('a plan shows sizes, time and who learns what, without asking anybody', async () => {
  const spec = await requestFile('planned', { keyBits: 2048, guards: 'standard' });
  const plan = await cli.run(['regression', 'plan', '--spec', spec, '--rows', '100000', '--columns', 'x1=5,x2=8']);
  expect(plan.code).toBe(0);
  expect(plan.stdout).toMatch(/Key\s+2048 bits, 512 bytes a ciphertext/);
  expect(plan.stdout).toMatch(/Expected time of the set-up\s+about [\d.]+ m?(s|in)\n/);
  expect(plan.stdout).toMatch(/Expected time of an iteration\s+about [\d.]+ m?(s|in)\n/);
  expect(plan.stdout).toMatch(/Times are those of\s+all parties on one machine like this one \(engine /);
  expect(plan.stdout).toMatch(/Loss\s+of every iteration\n/);
  expect(plan.stdout).toMatch(/Who learns what:\n- The server and the aggregator learn/);
  expect(await cli.json(['regression', 'plan', '--spec', spec, '--rows', '100000'])).toMatchObject({
    ciphertextBytes: 512,
    parameters: { rows: 100_000 },
  });
  const wrong = await cli.run(['regression', 'plan', '--spec', spec, '--rows', '1000', '--columns', 'zz=5']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/expected <party>=<count> with one of x1, x2/);
});

test('both daemons that hold rows say how they are called, and that others can pin them', async () => {
  for (const kind of ['regression-feature', 'regression-label']) {
    const { code, stdout } = await cli.run(['executor', 'start', kind, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/name of the party, which requests address it by/);
    expect(stdout).toMatch(/Its name is its executor type\./);
    expect(stdout).toMatch(/others can pin its id with --peer/);
  }
});

test('daemons refuse options that make no sense before they start', async () => {
  const start = async (...words: string[]): Promise<Run> =>
    cli.run(['executor', 'start', 'regression-feature', 'x9', '--directory', join(directory, 'x9'), ...words]);
  const source = await tableOf('x9', ['x1']);
  const peer = await start('--source', source, '--peer', 'y=12');
  expect(peer.code).toBe(2);
  expect(peer.stderr).toMatch(/--peer: expected <party>=<id of 64 hexadecimal digits>/);
  const ids = await start('--source', source, '--id-column', 'id', '--ids', join(directory, 'nowhere.txt'));
  expect(ids.code).toBe(1);
  expect(ids.stderr).toMatch(/nowhere\.txt: expected a readable file/);
  expect((await start('--source', join(directory, 'nowhere.csv'))).code).toBe(1);
  expect((await start()).code).toBe(2);
  await writeFile(join(directory, 'named.csv'), 'id,age\nP1,30\nP2,40\n');
  const unnamed = await start('--source', join(directory, 'named.csv'));
  expect(unnamed.stderr).toMatch(/column "id", row 1 .*got text that is no number/);
  expect(unnamed.stderr).toMatch(
    /or name the columns to take with --columns or --target, and the one with the ids with --id-column/,
  );
  await writeFile(join(directory, 'common.txt'), 'P1\nP2\nP3\n');
  const common = ['--id-column', 'id', '--ids', join(directory, 'common.txt')];
  const missing = await start('--source', join(directory, 'named.csv'), ...common);
  expect(missing.stderr).toMatch(/no row has "P3"; leave them out of the common ids/);
  const name = await cli.run(['executor', 'start', 'regression-feature', '../x9', '--source', source]);
  expect(name.code).toBe(2);
  expect(name.stderr).toContain('party: expected 1 to 64 letters, digits, ".", "_", "-", got "../x9"');
});
