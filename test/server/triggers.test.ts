import { expect, test } from 'vitest';
import type { Identity } from '../../colony/identity.ts';
import { addCron, getCron } from '../../colony/messages/crons.ts';
import { addGenerator, getGenerator, packGenerator } from '../../colony/messages/generators.ts';
import { getProcesses } from '../../colony/messages/processes.ts';
import { getWorkflow, getWorkflows } from '../../colony/messages/workflows.ts';
import { startMortalServer } from '../support/mortal-server.ts';
import { until } from '../support/processes.ts';
import { cronOf, generatorOf, workflowText } from '../support/recurring.ts';
import { type Address, rpc } from '../support/rpc.ts';

function waiting(address: Address, user: Identity, executorType: string) {
  return rpc(address, user, getProcesses, {
    colonyName: 'test',
    count: 100,
    state: 0,
    executorType,
    label: '',
    initiator: '',
  });
}

test('a server that is killed again and again gives every text that it has taken to exactly one workflow', async () => {
  await using mortal = await startMortalServer();
  const { user } = mortal;
  const generator = generatorOf({ trigger: 3 });
  const { generatorId } = await rpc(mortal.address(), user, addGenerator, { generator });
  const taken: string[] = [];
  for (let life = 0; life < 4; life += 1) {
    const address = mortal.address();
    const packing = (async () => {
      for (let index = 0; index < 40; index += 1) {
        const arg = `${life}-${index}`;
        await rpc(address, user, packGenerator, { generatorId, arg });
        taken.push(arg);
      }
    })();
    packing.catch(() => undefined);
    await until(() => taken.filter((arg) => arg.startsWith(`${life}-`)).length >= 4 + 5 * life);
    await mortal.killAndRestart();
    await packing.catch(() => undefined);
  }
  const address = mortal.address();
  await until(async () => (await rpc(address, user, getGenerator, { generatorId })).queueSize < 3);
  const { queueSize } = await rpc(address, user, getGenerator, { generatorId });
  const given = (await waiting(address, user, 'worker')).flatMap(({ spec }) => spec.args);
  expect(new Set(given).size).toBe(given.length);
  const missing = taken.filter((arg) => !given.includes(arg));
  expect(missing.length).toBeLessThanOrEqual(queueSize);
  expect(given.length % 3).toBe(0);
});

test('a server that is killed while crons run has recorded every run that it has submitted, and no other', async () => {
  await using mortal = await startMortalServer();
  const { user } = mortal;
  const names = ['one', 'two', 'three'];
  const crons = await Promise.all(
    names.map((name) => {
      const cron = cronOf({ name, intervalSeconds: 1, workflowSpec: workflowText({ a: [] }, name) });
      return rpc(mortal.address(), user, addCron, { cron });
    }),
  );
  for (let life = 0; life < 3; life += 1) {
    const count = async () => (await waiting(mortal.address(), user, 'one')).length;
    const before = await count();
    await until(async () => (await count()) > before);
    await mortal.killAndRestart();
  }
  const address = mortal.address();
  for (const { cronId, name, nextRun } of crons) {
    const cron = await rpc(address, user, getCron, { cronId });
    const workflow = await rpc(address, user, getWorkflow, { workflowId: cron.previousWorkflowId });
    expect(workflow.submissionTime).toEqual(cron.lastRun);
    // The first run comes due when the cron says, every further one a second later at the earliest.
    const runCount = (await waiting(address, user, name)).length;
    expect((runCount - 1) * 1000).toBeLessThanOrEqual(Number(cron.lastRun) - Number(nextRun));
  }
  const workflows = await rpc(address, user, getWorkflows, { colonyName: 'test', count: 100, state: 0 });
  const processes = await Promise.all(names.map((name) => waiting(address, user, name)));
  expect(processes.flat().length).toBe(workflows.length);
});
