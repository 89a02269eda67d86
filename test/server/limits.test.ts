import Sqlite from 'libsql';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { addCron } from '../../colony/messages/crons.ts';
import { addFunction, getExecutors, getFunctions, RegisteredFunction } from '../../colony/messages/executors.ts';
import {
  addAttribute,
  type FunctionSpec,
  getProcess,
  getProcesses,
  getProcessHistory,
} from '../../colony/messages/processes.ts';
import { getWorkflows, submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { rpcRaw } from '../support/rpc.ts';
import { assign, quick, submitGraph } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

type Spec = Omit<Partial<FunctionSpec>, 'conditions'>;

/** What a spec is answered alone, and as a node of a workflow. */
function answersTo(colony: TestColony, spec: Spec): Promise<unknown[]> {
  const functionSpecs = [functionSpec('', 'worker', { nodeName: 'a', ...spec })];
  const workflow = { colonyName: colony.colonyName, functionSpecs };
  const answers = [colony.submit(spec, 'worker'), colony.call(colony.user, submitWorkflowSpec, { spec: workflow })];
  return Promise.all(answers.map((answer) => answer.catch((thrown: unknown) => thrown)));
}

const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, '']));

const mounts = (count: number) => ({
  mount: '',
  snapshots: null,
  dirs: Array.from({ length: count }, () => ({
    label: '',
    directory: '',
    keepFiles: false,
    onConflicts: { onStart: { keepLocal: false }, onClose: { keepLocal: false } },
  })),
});

const listAll = { colonyName: 'test', count: 100, state: 0, executorType: '', label: '', initiator: '' };

describe('a spec is refused, alone and in a workflow', () => {
  test.for([
    ['with a priority out of range', { priority: 50_001 }, 'priority outside range [-50000, 50000]'],
    ['with a priority far below the range', { priority: -9e15 }, 'priority outside range [-50000, 50000]'],
    ['that may run for too long', { maxExecTimeSeconds: 9e12 }, 'expected maxexectime of at most 3155760000 seconds'],
    ['that may wait for too long', { maxWaitTimeSeconds: 9e12 }, 'expected maxwaittime of at most 3155760000 seconds'],
    [
      'with an escape sequence in its name',
      { functionName: 'f\u001B[2J' },
      'expected funcname without control characters',
    ],
    ['with a line end in its label', { label: 'a\nb' }, 'expected label without control characters'],
    ['with too much environment', { env: entries(4001) }, 'expected at most 4000 entries of env, got 4001'],
    ['with too many kwargs', { kwargs: entries(25_001) }, 'expected at most 25000 kwargs, got 25001'],
    [
      'with too many mounts',
      { filesystem: mounts(10_001) },
      'expected at most 10000 snapshots and directories, got 10001',
    ],
  ] as const)('%s', async ([, spec, message]) => {
    await using colony = await startTestColony(quick);
    const refusal = { status: 400, serverMessage: expect.stringContaining(message) };
    expect(await answersTo(colony, spec)).toMatchObject([refusal, refusal]);
    expect(await colony.call(colony.user, getProcesses, listAll)).toEqual([]);
  });
});

describe('JSON of more parts than can be read soon is refused,', () => {
  test.each([
    ['numbers', (count: number) => Array<number>(count).fill(0), 1_000_000],
    ['lists', (count: number) => Array.from({ length: count }, () => []), 1_000_000 / 6],
    [
      'keys',
      (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index, 0])),
      1_000_000 / 6,
    ],
  ])('such as %s', async (_what, make, limit) => {
    await using colony = await startTestColony(quick);
    const ask = (other: unknown) => rpcRaw(colony.address, colony.user, getProcess.type, { processid: 'x', other });
    await expect(ask(make(Math.floor(limit) - 100))).rejects.toMatchObject({ status: 404 });
    const serverMessage = expect.stringMatching(
      /^Expected at most 1000000 elements in the JSON of a request/u,
    ) as unknown;
    await expect(ask(make(Math.ceil(limit) + 1))).rejects.toMatchObject({ status: 413, serverMessage });
  });

  test('also within the text of a workflow', async () => {
    await using colony = await startTestColony(quick);
    const workflowspec = JSON.stringify(Array<number>(1_000_002).fill(0));
    const cron = { colonyname: 'test', name: 'k', cronexpression: '', interval: 10, random: false, workflowspec };
    await expect(rpcRaw(colony.address, colony.user, addCron.type, { cron })).rejects.toMatchObject({ status: 413 });
  });

  test('but not texts, however many commas they hold', async () => {
    await using colony = await startTestColony(quick);
    const submitted = await colony.submit({ kwargs: { table: '1,2,'.repeat(500_000) } }, 'worker');
    expect(submitted.state).toBe('waiting');
  });
});

test('a workflow with more nodes than can be handled is refused before its nodes are read', async () => {
  await using colony = await startTestColony(quick);
  const functionspecs = Array<string>(2501).fill('no spec');
  const submitted = rpcRaw(colony.address, colony.user, submitWorkflowSpec.type, { spec: { functionspecs } });
  const serverMessage = 'Failed to submit, expected at most 2500 nodes, got 2501';
  await expect(submitted).rejects.toMatchObject({ status: 400, serverMessage });
});

test('a moment that no date can hold, from an older database, poisons neither lists nor assignment', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const { processId } = await colony.submit({}, 'worker');
  await colony.server.stop();
  const database = new Sqlite(colony.databasePath);
  database.exec('UPDATE processes SET wait_deadline_ms = 9000000000000000');
  database.pragma('journal_mode = DELETE');
  database.close();
  await colony.restart();
  expect(await colony.call(colony.user, getProcesses, listAll)).toMatchObject([{ processId }]);
  expect(await assign(colony, executor)).toMatchObject({ processId, waitDeadline: undefined });
});

describe('a list ends where it would not fit into an answer', () => {
  test('of processes: with what comes first, and one at least', async () => {
    await using colony = await startTestColony(quick);
    const processIds: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      const { processId } = await colony.submit({ args: ['x'.repeat(4.5 * 2 ** 20)] }, 'worker');
      processIds.push(processId);
    }
    const listed = await colony.call(colony.user, getProcesses, listAll);
    expect(listed.map(({ processId }) => processId)).toEqual(processIds.slice(0, 3));
    const recent = { colonyName: 'test', executorId: '', seconds: 60, state: 0 };
    const history = await colony.call(colony.user, getProcessHistory, recent);
    expect(history.map(({ processId }) => processId)).toEqual(processIds.slice(1));
  });

  test('of executors and of what they run, in the same way', async () => {
    await using colony = await startTestColony(quick);
    const names = { colonyName: 'test', executorName: '' };
    for (const name of ['a', 'b', 'c']) {
      const { identity } = await colony.addExecutor('worker', name);
      const added = { colonyname: 'test', executorname: name, executortype: 'worker', funcname: 'f', desc: 'short' };
      await colony.call(identity, addFunction, { function: z.decode(RegisteredFunction, added) });
    }
    await colony.server.stop();
    const database = new Sqlite(colony.databasePath);
    database.exec(`UPDATE functions SET description = hex(zeroblob(5000000)) WHERE executor_name <> 'a'`);
    database.exec(`UPDATE executors SET allocations = json_object('x', description) FROM functions
      WHERE functions.executor_name = executors.executor_name`);
    database.pragma('journal_mode = DELETE');
    database.close();
    await colony.restart();
    const executors = await colony.call(colony.user, getExecutors, { colonyName: 'test' });
    expect(executors.map(({ executorName }) => executorName)).toEqual(['a', 'b']);
    const functions = await colony.call(colony.user, getFunctions, names);
    expect(functions.map(({ executorName }) => executorName)).toEqual(['a', 'b']);
  });

  test('of workflows: without their pictures', async () => {
    await using colony = await startTestColony(quick);
    const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    const wanted = { colonyName: 'test', count: 100, state: 0 };
    expect(await colony.call(colony.user, getWorkflows, wanted)).toEqual([{ ...workflow, nodes: [], edges: [] }]);
  });
});

test('attributes of a process are limited, its environment aside', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  await colony.submit({ env: { LONG: 'x'.repeat(2_000_000) } }, 'worker');
  const { processId } = await assign(colony, executor);
  const add = (key: string, value: string) =>
    colony.call(executor.identity, addAttribute, {
      attribute: { attributeId: '', processId, colonyName: '', workflowId: '', state: 0, attributeType: 1, key, value },
    });
  await add('a', 'x'.repeat(1_000_000));
  await expect(add('b', 'x'.repeat(100_000))).rejects.toMatchObject({ status: 400 });
  await expect(add('c', 'short')).resolves.toMatchObject({ value: 'short' });
});
