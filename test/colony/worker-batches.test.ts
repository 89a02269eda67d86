import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiUrl } from '../../colony/address.ts';
import { TerminalError } from '../../colony/errors.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { batch } from '../../colony/messages/batch.ts';
import { getServerInfo, pauseAssignments, resumeAssignments } from '../../colony/messages/colonies.ts';
import { assignProcess, closeFailed, closeSuccessful, type Process } from '../../colony/messages/processes.ts';
import type { WorkerOptions } from '../../colony/worker.ts';
import { until } from '../support/processes.ts';
import { daemonOf, openStage, type Stage, TYPE } from './daemons.ts';
import {
  answer,
  forward,
  forwardAndReset,
  messageTypesOf,
  refuse,
  reset,
  type ScriptedServer,
  startScriptedServer,
  type Step,
} from './scripted-server.ts';

const CLOSE_AND_POLL = [closeSuccessful.type, assignProcess.type];

let stage: Stage;
const proxies: ScriptedServer[] = [];
beforeEach(async () => {
  stage = await openStage();
});
// The daemons first: they leave the colony through a proxy.
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  for (const proxy of proxies.splice(0)) await proxy[Symbol.asyncDispose]();
});

/** A proxy that lets everything through but what `choose` finds another step for, by the types of its messages. */
async function intercept(choose: (types: readonly string[]) => Step | undefined): Promise<ScriptedServer> {
  const proxy = await startScriptedServer([
    async (response, request, body) => {
      const step = choose(messageTypesOf(body)) ?? forward(stage.colony.address);
      await step(response, request, body);
    },
  ]);
  proxies.push(proxy);
  return proxy;
}

/** The types of the messages in every request so far that closes or asks for work. */
function turnsOf({ bodies }: ScriptedServer): readonly (readonly string[])[] {
  const turns = new Set<string>([assignProcess.type, closeFailed.type, closeSuccessful.type]);
  return bodies.map(messageTypesOf).filter((types) => types.some((type) => turns.has(type)));
}

/** The ids of so many new processes. */
async function submitMany(count: number): Promise<readonly string[]> {
  const processes = await Promise.all(Array.from({ length: count }, () => stage.submit('f')));
  return processes.map(({ processId }) => processId);
}

async function processesOf(ids: readonly string[]): Promise<readonly Process[]> {
  return Promise.all(ids.map((id) => stage.colony.getProcess(id)));
}

async function statesOf(ids: readonly string[]): Promise<readonly string[]> {
  return (await processesOf(ids)).map(({ state }) => state).toSorted();
}

async function untilAll(ids: readonly string[], state: Process['state']): Promise<void> {
  await until(async () => (await processesOf(ids)).every((process) => process.state === state));
}

/** A daemon that counts how often it runs each process. */
function counting(runs: Map<string, number>): ReturnType<typeof daemonOf> {
  return daemonOf(async ({ processId }) => {
    runs.set(processId, (runs.get(processId) ?? 0) + 1);
    return processId;
  });
}

function onceEach(ids: readonly string[]): Map<string, number> {
  return new Map(ids.map((id) => [id, 1]));
}

function sorted(runs: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...runs].toSorted(([one], [other]) => one.localeCompare(other));
}

describe('a daemon that has work', () => {
  test('makes one request per process: it closes one and asks for the next', async () => {
    const proxy = await intercept(() => undefined);
    const runs = new Map<string, number>();
    const ids = await submitMany(10);
    await stage.start(counting(runs), { server: proxy.address });
    await untilAll(ids, 'success');
    expect(sorted(runs)).toEqual(sorted(onceEach(ids)));
    const turns = turnsOf(proxy);
    expect(turns.slice(0, 11)).toEqual([[assignProcess.type], ...ids.map(() => CLOSE_AND_POLL)]);
    expect(turns.slice(11).every((types) => types.length === 1)).toBe(true);
    expect(proxy.bodies.map(messageTypesOf).filter(([type]) => type === getServerInfo.type)).toHaveLength(1);
  });

  test('goes on after a process that failed', async () => {
    const proxy = await intercept(() => undefined);
    const ids = await submitMany(3);
    const failing = daemonOf(async () => {
      throw new TerminalError('no bread');
    });
    await stage.start(failing, { server: proxy.address });
    await untilAll(ids, 'failed');
    const failed = ids.map(() => [closeFailed.type, assignProcess.type]);
    expect(turnsOf(proxy).slice(0, 4)).toEqual([[assignProcess.type], ...failed]);
  });

  test('in several places runs each process once', async () => {
    const runs = new Map<string, number>();
    const ids = await submitMany(40);
    await stage.start(counting(runs), { concurrency: 4 });
    await untilAll(ids, 'success');
    expect(sorted(runs)).toEqual(sorted(onceEach(ids)));
  });

  test('and was assigned more than it has places for is back to its places as soon as that is done', async () => {
    const { colony, start } = stage;
    const { identity } = await colony.addExecutor(TYPE);
    const assigned = await submitMany(3);
    const offer = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
    for (const _ of assigned) await colony.call(identity, assignProcess, offer);
    const others = await submitMany(12);
    let [active, mostOfOthers, areAllThere] = [0, 0, false];
    const daemon = daemonOf(async ({ processId }) => {
      active += 1;
      if (assigned.includes(processId)) await until(() => (areAllThere ||= worker.running === 3));
      else mostOfOthers = Math.max(mostOfOthers, active);
      await colony.getProcess(processId);
      active -= 1;
      return 'done';
    });
    const worker = await start(daemon, { identity });
    await untilAll([...assigned, ...others], 'success');
    expect(mostOfOthers).toBe(1);
  });

  test('gets none while its colony is paused, and goes on afterwards', async () => {
    const { colony, start } = stage;
    const named = { colonyName: colony.colonyName };
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const worker = await start(daemonOf(async () => gate.then(() => 'done')));
    const ids = await submitMany(2);
    await until(() => worker.running === 1);
    await colony.call(colony.colonyOwner, pauseAssignments, named);
    release?.();
    await until(() => worker.running === 0);
    expect(await statesOf(ids)).toEqual(['success', 'waiting']);
    await colony.call(colony.colonyOwner, resumeAssignments, named);
    await untilAll(ids, 'success');
  });

  test('on a server without batches closes and polls as it always did', async () => {
    const proxy = await intercept(([type]) =>
      type === getServerInfo.type ? answer(getServerInfo.type, {}) : undefined,
    );
    const ids = await submitMany(3);
    await stage.start(counting(new Map()), { server: proxy.address });
    await untilAll(ids, 'success');
    const perProcess = [[assignProcess.type], [closeSuccessful.type]];
    expect(turnsOf(proxy).slice(0, 6)).toEqual(ids.flatMap(() => perProcess));
    expect(proxy.bodies.map(messageTypesOf).filter(([type]) => type === getServerInfo.type)).toHaveLength(1);
  });
});

test('a close waits for nobody who should say whether the server takes batches', async () => {
  let [asked, givenUp] = [0, 0];
  const proxy = await intercept(([type]) => {
    if (type !== getServerInfo.type) return undefined;
    asked += 1;
    if (asked === 1) return refuse(500, 'out of order');
    return (response) => void response.on('close', () => (givenUp += 1));
  });
  const ids = await submitMany(3);
  await stage.start(counting(new Map()), { server: proxy.address });
  await untilAll(ids, 'success');
  expect(asked).toBeGreaterThan(1);
  expect(givenUp).toBe(0);
  expect(turnsOf(proxy).every((types) => types.length === 1)).toBe(true);
});

describe('a close that is sent with a question for work', () => {
  test('and refused loses its result, but not the next process', async () => {
    const { colony, logs, start } = stage;
    const identity = generateIdentity();
    const runs: string[] = [];
    const ids = await submitMany(2);
    const daemon = daemonOf(async ({ processId }) => {
      runs.push(processId);
      // Closed behind the back of the daemon.
      if (runs.length === 1) await colony.call(identity, closeFailed, { processId, errors: ['by somebody else'] });
      return 'done';
    });
    await start(daemon, { identity, watchMs: 3_600_000 });
    await until(async () => (await processesOf(ids)).some(({ state }) => state === 'success'));
    expect(logs.mention('the result is dropped')).toBe(true);
    expect(runs.toSorted()).toEqual(ids.toSorted());
    expect(logs.lines.filter((line) => line.includes('"outcome":"dropped"'))).toHaveLength(1);
  });

  test('while the server is busy is sent until it is taken', async () => {
    let refusals = 0;
    const proxy = await intercept((types) => {
      if (!types.includes(closeSuccessful.type) || refusals === 3) return undefined;
      refusals += 1;
      return refuse(503, 'Too many large requests');
    });
    const ids = await submitMany(2);
    await stage.start(counting(new Map()), { server: proxy.address });
    await untilAll(ids, 'success');
    expect(refusals).toBe(3);
  });

  test.each([
    ['the connection is lost before the server hears it', () => reset],
    ['its answer is lost', () => forwardAndReset(stage.colony.address)],
  ])('is delivered, and every process run once, when %s', async (_, lose) => {
    let losses = 0;
    const proxy = await intercept((types) => {
      if (types.length === 1 || losses === 2) return undefined;
      losses += 1;
      return lose();
    });
    const runs = new Map<string, number>();
    const ids = await submitMany(5);
    await stage.start(counting(runs), { server: proxy.address });
    await untilAll(ids, 'success');
    expect(losses).toBe(2);
    expect(sorted(runs)).toEqual(sorted(onceEach(ids)));
    expect((await processesOf(ids)).map(({ attempt }) => attempt)).toEqual(ids.map(() => 1));
    expect(stage.logs.mention('the result is dropped')).toBe(false);
  });

  test('and whose answer is lost counts as taken, also where it says that the process failed', async () => {
    const { logs } = stage;
    const proxy = await intercept((types) => (types.length === 1 ? undefined : forwardAndReset(stage.colony.address)));
    const failing = daemonOf(async () => {
      throw new TerminalError('no bread');
    });
    const ids = await submitMany(3);
    const worker = await stage.start(failing, { server: proxy.address });
    await untilAll(ids, 'failed');
    await until(() => worker.running === 0);
    expect(logs.mention('the result is dropped')).toBe(false);
    expect(logs.lines.filter((line) => line.includes('"outcome":"failed"'))).toHaveLength(3);
  });

  test('leads to no second run, however many answers are lost in however many places', async () => {
    let asked = 0;
    const proxy = await intercept((types) => {
      if (!types.includes(assignProcess.type)) return undefined;
      asked += 1;
      return asked % 3 === 0 ? forwardAndReset(stage.colony.address) : undefined;
    });
    const runs = new Map<string, number>();
    const ids = await submitMany(40);
    await stage.start(counting(runs), { server: proxy.address, concurrency: 4, pollTimeoutSeconds: 1 });
    await untilAll(ids, 'success');
    expect(sorted(runs)).toEqual(sorted(onceEach(ids)));
  });
});

/** Stops a daemon while the answer to its first close, which brings another process, is on its way. */
async function stopWhileClosing(options: Partial<WorkerOptions>) {
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let onClose: (() => void) | undefined;
  const closing = new Promise<void>((resolve) => (onClose = resolve));
  const proxy = await intercept((types) => {
    if (types.length === 1) return undefined;
    return async (response, _, body) => {
      const reply = await fetch(apiUrl(stage.colony.address), { method: 'POST', body });
      const text = await reply.text();
      onClose?.();
      await released;
      response.writeHead(reply.status).end(text);
    };
  });
  const runs = new Map<string, number>();
  const ids = await submitMany(2);
  const worker = await stage.start(counting(runs), { server: proxy.address, ...options });
  await closing;
  expect(await statesOf(ids)).toEqual(['running', 'success']);
  const stopped = worker.stop({ graceMs: 20_000 });
  release?.();
  await stopped;
  return { runs, states: await statesOf(ids) };
}

describe('a daemon that is told to stop', () => {
  test('while its close brings the next process, hands that back without running it', async () => {
    const { runs, states } = await stopWhileClosing({});
    expect(runs.size).toBe(1);
    expect(stage.logs.mention('left open: assigned while the daemon was told to stop')).toBe(true);
    expect(states).toEqual(['success', 'waiting']);
  });

  test('while its close brings the next process, runs that where it cannot hand it back', async () => {
    const { identity } = await stage.colony.addExecutor(TYPE);
    const { runs, states } = await stopWhileClosing({ identity, colonyIdentity: undefined });
    expect([...runs.values()]).toEqual([1, 1]);
    expect(states).toEqual(['success', 'success']);
  });

  test('does not ask for more with its last close', async () => {
    const proxy = await intercept(() => undefined);
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const worker = await stage.start(
      daemonOf(async () => gate.then(() => 'done')),
      { server: proxy.address },
    );
    const ids = await submitMany(2);
    await until(() => worker.running === 1);
    const stopped = worker.stop({ graceMs: 20_000 });
    release?.();
    await stopped;
    expect(proxy.bodies.filter((body) => body.includes(batch.type))).toEqual([]);
    expect(await statesOf(ids)).toEqual(['success', 'waiting']);
  });
});
