import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { createColoniesClient } from '../../colony/client.ts';
import { loadEnvironment } from '../../colony/environment.ts';
import { openDesk, until, type Desk } from '../support/processes.ts';
import { functionSpec } from '../support/test-colony.ts';

const SPEC = join(import.meta.dirname, '..', '..', 'workflows', 'hospital-sum', 'workflow.json');
const SUM = 'The sum of all patient data is: 60\n';

test('a workflow survives its server being killed in the middle', async () => {
  await using desk = await openDesk();
  const server = await desk.startServer();
  desk.start(['executor', 'start', 'hospital', 'r1-hospital_executor', '55']);
  desk.start(['executor', 'start', 'cloud']);
  await desk.run(['keys', 'generate', '--bits', '2048']);
  const running = desk.start(['workflow', 'submit', '--spec', SPEC, '--wait', '--json']);
  await until(() => countInState(desk, 'success', 1), running.stderr);

  await server.end('SIGKILL');
  await desk.startServer();
  desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '5']);

  const { stdout, stderr, exitCode } = await running.outcome;
  expect(exitCode, stderr).toBe(0);
  const { resultProcessId } = z.looseObject({ resultProcessId: z.string() }).parse(JSON.parse(stdout));
  expect((await desk.run(['decrypt', resultProcessId])).stdout).toBe(SUM);
});

test('a process whose hospital was killed is finished by another attempt after its deadline', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  desk.start(['executor', 'start', 'hospital', 'r1-hospital_executor', '55']);
  desk.start(['executor', 'start', 'cloud']);
  // More rows than any computer counts within the deadline.
  const endless = 'select sum(a.range % 2)::bigint as n from range(10000000) a, range(10000000) b';
  await writeHospital(desk, 'endless.json', endless);
  await writeHospital(desk, 'quick.json', 'select 5 as n');
  const busy = desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '--config', 'endless.json']);
  await desk.run(['keys', 'generate', '--bits', '2048']);
  await writeFile(join(desk.directory, 'workflow.json'), await specOfNumber(3));
  const running = desk.start(['workflow', 'submit', '--spec', 'workflow.json', '--wait', '--json']);
  await until(() => countInState(desk, 'running', 1, 'r2-hospital_executor'), running.stderr);
  await busy.end('SIGKILL');
  desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '--config', 'quick.json']);

  const { stdout, stderr, exitCode } = await running.outcome;
  expect(exitCode, stderr).toBe(0);
  const { resultProcessId } = z.looseObject({ resultProcessId: z.string() }).parse(JSON.parse(stdout));
  expect((await desk.run(['decrypt', resultProcessId])).stdout).toBe(SUM);
  const { client, colonyName } = connect(desk);
  const finished = await client.getProcesses({ ...QUERY, colonyName, state: 2, executorType: 'r2-hospital_executor' });
  expect(finished.map(({ retries }) => retries > 0)).toEqual([true]);
});

test('two daemons of one type share the work', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  for (let daemon = 0; daemon < 2; daemon += 1) desk.start(['executor', 'start', 'hospital', 'shared', '5']);
  await until(() => isWaitingForWork(desk, 'shared', 2));
  await desk.run(['keys', 'generate', '--bits', '2048']);
  const publicKey = (await readFile(join(desk.directory, 'public_key.b64'), 'utf8')).trim();
  const { client, colonyName } = connect(desk);
  const kwargs = { 'paillier-pubkey': publicKey };
  const spec = functionSpec(colonyName, 'shared', { functionName: 'get_patient_data', kwargs });
  await Promise.all(Array.from({ length: 20 }, () => client.submitFunctionSpec({ spec })));
  await until(() => countInState(desk, 'success', 20));
  const finished = await client.getProcesses({ ...QUERY, colonyName, state: 2, executorType: 'shared' });
  expect(new Set(finished.map(({ assignedExecutorId }) => assignedExecutorId)).size).toBe(2);
});

const QUERY = { count: 100, label: '', initiator: '' };
function connect(desk: Desk) {
  const { server, identity, colonyName } = loadEnvironment(desk.env);
  return { client: createColoniesClient({ server, identity }), colonyName };
}

async function countInState(
  desk: Desk,
  state: 'running' | 'success',
  count: number,
  executorType = '',
): Promise<boolean> {
  const { client, colonyName } = connect(desk);
  const number = state === 'running' ? 1 : 2;
  return (await client.getProcesses({ ...QUERY, colonyName, state: number, executorType })).length === count;
}

/** An executor that has been heard from has asked for work. */
async function isWaitingForWork(desk: Desk, executorType: string, count = 1): Promise<boolean> {
  const { client, colonyName } = connect(desk);
  const executors = await client.getExecutors({ colonyName });
  const heard = executors.filter((executor) => executor.executorType === executorType && executor.lastHeardFromTime);
  return heard.length === count;
}

/** The tutorial's workflow, whose second hospital is asked for the number that its operator calls "patients". */
async function specOfNumber(maxExecTimeSeconds: number): Promise<string> {
  const nodes = z.array(z.looseObject({ kwargs: z.looseObject({}) })).parse(JSON.parse(await readFile(SPEC, 'utf8')));
  return JSON.stringify(
    nodes.map((node, index) => ({
      ...node,
      maxexectime: maxExecTimeSeconds,
      maxretries: 10,
      kwargs: index === 1 ? { ...node.kwargs, number: 'patients' } : node.kwargs,
    })),
  );
}

async function writeHospital(desk: Desk, name: string, sql: string): Promise<void> {
  await writeFile(join(desk.directory, 'rows.csv'), 'age\n40\n');
  const config = { source: { kind: 'csv', path: 'rows.csv' }, numbers: { patients: sql }, acceptedKeys: '*' };
  await writeFile(join(desk.directory, name), JSON.stringify(config));
}

test('a server that finds its port taken says so and ends by itself', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  const second = ['server', 'start', '--port', String(desk.port), '--datadir', 'other'];
  const { exitCode, stderr } = await desk.run(second);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`port ${desk.port} of 127.0.0.1: expected a free port, got one in use`);
});
