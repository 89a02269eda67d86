import { describe, expect, test } from 'vitest';
import { getExecutors } from '../../colony/messages/executors.ts';
import { submitFunctionSpec } from '../../colony/messages/processes.ts';
import { until } from '../support/processes.ts';
import { rpc } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const HOUR_MS = 3_600_000;

/** A colony whose clock can be set, and whose time can pass. */
async function startSettableColony() {
  let [nowMs, steadyMs, looks] = [Date.UTC(2026, 10, 20), 0, 0];
  const steadyClock = () => {
    looks += 1;
    return steadyMs;
  };
  const colony = await startTestColony({ ...quick, clock: () => nowMs, steadyClock });
  /** Waits until the server has looked at its clock, and has done what follows from it. */
  const looked = async () => {
    const goal = looks + 3;
    await until(() => looks >= goal);
  };
  await looked();
  return {
    colony,
    now: () => nowMs,
    async set(byMs: number) {
      nowMs += byMs;
      await looked();
    },
    async pass(ms: number) {
      nowMs += ms;
      steadyMs += ms;
      await looked();
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
}

async function approved(colony: TestColony): Promise<number> {
  const executors = await colony.call(colony.user, getExecutors, { colonyName: 'test' });
  return executors.filter(({ state }) => state === 'approved').length;
}

describe.each([
  ['forward', 5 * HOUR_MS],
  ['back', -5 * HOUR_MS],
])('when the clock is set %s by hours', (_direction, jumpMs) => {
  test('no executor is taken for gone, and their work goes on', async () => {
    await using setting = await startSettableColony();
    const { colony } = setting;
    const executor = await colony.addExecutor('worker');
    const submitted = await colony.submit({}, 'worker');
    await assign(colony, executor);
    const next = await colony.submit({}, 'worker');
    await setting.set(jumpMs);
    expect(await approved(colony)).toBe(1);
    expect(await colony.getProcess(submitted.processId)).toMatchObject({ state: 'running', retries: 0 });
    await succeed(colony, executor, submitted, ['done']);
    expect(await assign(colony, executor)).toMatchObject({ processId: next.processId });
  });

  test('whoever is gone is found out after the usual time', async () => {
    await using setting = await startSettableColony();
    const { colony } = setting;
    const executor = await colony.addExecutor('worker');
    const submitted = await colony.submit({}, 'worker');
    await assign(colony, executor);
    await setting.set(jumpMs);
    await setting.pass(599_000);
    expect(await approved(colony)).toBe(1);
    await setting.pass(2000);
    await until(async () => (await approved(colony)) === 0);
    expect(await colony.getProcess(submitted.processId)).toMatchObject({ state: 'waiting' });
  });

  test('a poll that waits gets what comes', async () => {
    await using setting = await startSettableColony();
    const { colony } = setting;
    const executor = await colony.addExecutor('worker');
    const waiting = assign(colony, executor);
    await setting.set(jumpMs);
    const { processId } = await colony.submit({}, 'worker');
    expect(await waiting).toMatchObject({ processId });
  });

  test('a repeated request still gets the first answer when it is set right again', async () => {
    await using setting = await startSettableColony();
    const { colony } = setting;
    const request = { spec: functionSpec('test', 'worker') };
    const extra = { nonce: 'once', issuedat: setting.now() };
    const submit = () => rpc(colony.address, colony.user, submitFunctionSpec, request, { extra });
    const first = await submit();
    await setting.set(jumpMs);
    await expect(submit()).rejects.toMatchObject({ status: 400 });
    await setting.set(-jumpMs);
    expect(await submit()).toEqual(first);
  });

  test('requests of clients whose clock is right are refused or not, but never executed twice', async () => {
    await using setting = await startSettableColony();
    const { colony } = setting;
    await setting.set(jumpMs);
    const extra = { nonce: 'again', issuedat: setting.now() };
    const request = { spec: functionSpec('test', 'worker') };
    const submit = () => rpc(colony.address, colony.user, submitFunctionSpec, request, { extra });
    const first = await submit();
    expect(await submit()).toEqual(first);
    await setting.set(-jumpMs);
    await expect(submit()).rejects.toMatchObject({ status: 400 });
  });
});

test('deadlines are the moments that clients were told: those that a jump has passed are over', async () => {
  await using setting = await startSettableColony();
  const { colony } = setting;
  const executor = await colony.addExecutor('worker');
  const short = await colony.submit({ maxExecTimeSeconds: 60, maxRetries: 5 }, 'worker');
  await assign(colony, executor);
  const long = await colony.submit({ maxExecTimeSeconds: 86_400 }, 'worker');
  await assign(colony, executor);
  await setting.set(5 * HOUR_MS);
  await until(async () => (await colony.getProcess(short.processId)).state === 'waiting');
  expect(await colony.getProcess(long.processId)).toMatchObject({ state: 'running' });
  expect(await assign(colony, executor)).toMatchObject({ processId: short.processId, retries: 1 });
});
