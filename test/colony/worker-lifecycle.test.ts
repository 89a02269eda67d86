import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test as base } from 'vitest';
import { apiUrl } from '../../colony/address.ts';
import { RequestEnvelope } from '../../colony/envelope.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { addExecutor, getExecutors, removeExecutor } from '../../colony/messages/executors.ts';
import { assignProcess, closeSuccessful, getProcess } from '../../colony/messages/processes.ts';
import { runUntilSignal } from '../../colony/run-until-signal.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { until } from '../support/processes.ts';
import type { TestColony } from '../support/test-colony.ts';
import { daemonOf, echo, openStage, type Stage, TYPE, untilAborted } from './daemons.ts';
import { answerRaw, forward, messageTypesOf, refuse, startScriptedServer } from './scripted-server.ts';

const test = base.extend<{ stage: Stage }>({
  stage: async ({}, use) => {
    await using stage = await openStage();
    await use(stage);
  },
});

describe('a daemon that is told to stop', () => {
  test('finishes what it runs, and takes nothing new', async ({ stage: { colony, start, submit } }) => {
    const work = gated();
    const worker = await start(daemonOf(work.body));
    const first = await submit('f');
    await work.entered;
    const second = await submit('f');
    const stopped = worker.stop({ graceMs: 20_000 });
    work.release();
    await stopped;
    expect(await colony.getProcess(first.processId)).toMatchObject({ state: 'success', output: ['done'] });
    expect((await colony.getProcess(second.processId)).state).toBe('waiting');
  });

  test('hands back what it cannot finish within its grace, and another daemon does it', async ({ stage }) => {
    const { colony, logs, start, submit, client } = stage;
    const worker = await start(daemonOf(({ signal }) => untilAborted(signal)));
    const { processId } = await submit('f');
    await until(() => worker.running === 1);
    await worker.stop({ graceMs: 0 });
    expect(logs.mention('left open: the daemon must stop', processId)).toBe(true);
    expect((await colony.getProcess(processId)).state).toBe('waiting');
    await start(daemonOf(async () => 'done by another'));
    await until(async () => (await client.getProcess({ processId })).state === 'success');
    expect((await colony.getProcess(processId)).output).toEqual(['done by another']);
  });

  test('may be told again, with less patience', async ({ stage: { start, submit } }) => {
    const worker = await start(daemonOf(({ signal }) => untilAborted(signal)));
    await submit('f');
    await until(() => worker.running === 1);
    const patient = worker.stop({ graceMs: 3_600_000 });
    await worker.stop({ graceMs: 0 });
    await patient;
    expect(worker.running).toBe(0);
  });

  test('by a signal leaves no handler behind', async ({ stage: { start } }) => {
    const before = process.listenerCount('SIGTERM');
    const worker = await start(echo);
    await worker.ready;
    const ended = runUntilSignal(worker);
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    process.emit('SIGTERM');
    await ended;
    expect(process.listenerCount('SIGTERM')).toBe(before);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });

  test('by a signal while it registers, unregisters as soon as it has', async ({ stage: { colony, start } }) => {
    const ended = runUntilSignal(start(echo));
    process.emit('SIGTERM');
    await ended;
    const [executor] = await colony.call(colony.user, getExecutors, { colonyName: colony.colonyName });
    expect(executor).toMatchObject({ state: 'unregistered' });
  });

  test('leaves nothing behind that keeps its process alive', async ({ stage: { colony } }) => {
    const program = startDaemonProgram(colony, 'echo');
    const [printed, ended] = await Promise.all([text(program.stdout), once(program, 'exit')]);
    expect(printed).toContain('"msg":"stopped"');
    expect(ended).toEqual([0, null]);
  });

  test('twice by a signal ends at once, whatever it runs', async ({ stage: { colony, submit } }) => {
    const program = startDaemonProgram(colony, 'hang');
    const ended = once(program, 'exit');
    const log = program.stdout.setEncoding('utf8');
    let printed = '';
    log.on('data', (part: string) => (printed += part));
    await submit('f');
    await until(() => printed.includes('"msg":"assigned"'));
    program.kill('SIGTERM');
    await until(() => printed.includes('"msg":"stopping"'));
    program.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
  });
});

describe('a daemon that computes for long', () => {
  test('shows that it lives while every place is taken', async ({ stage: { colony, start, submit } }) => {
    const work = gated();
    const worker = await start(daemonOf(work.body), { heartbeatMs: 30 });
    await submit('f');
    await work.entered;
    const waiting = await submit('f');
    const lastHeard = async (): Promise<number> => {
      const executors = await colony.call(colony.user, getExecutors, { colonyName: colony.colonyName });
      return executors.find(({ executorId }) => executorId === worker.executorId)?.lastHeardFromTime?.getTime() ?? 0;
    };
    const atFirst = await lastHeard();
    await until(async () => (await lastHeard()) > atFirst);
    expect((await colony.getProcess(waiting.processId)).state).toBe('waiting');
    expect(worker.running).toBe(1);
    work.release();
  });
});

describe('a restart of the server', () => {
  test('is survived by a waiting daemon, and said once', async ({ stage: { colony, logs, start, run } }) => {
    const worker = await start(echo);
    await worker.ready;
    await colony.restart();
    expect((await run('repeat', { text: 'after' })).output).toEqual(['after']);
    expect(logs.lines.filter((line) => line.includes('trying again')).length).toBeLessThanOrEqual(2);
  });

  test('in the middle of a run costs nothing: the result is delivered afterwards', async ({ stage }) => {
    const { colony, start, submit, client } = stage;
    const work = gated();
    await start(daemonOf(work.body));
    const { processId } = await submit('f');
    await work.entered;
    await colony.server.stop();
    work.release();
    await colony.restart();
    await until(async () => (await client.getProcess({ processId })).state === 'success');
    expect(await colony.getProcess(processId)).toMatchObject({ output: ['done'], retries: 0 });
  });

  test('behind a proxy that answers nonsense costs no result', async ({ stage: { colony, start, run } }) => {
    let closes = 0;
    await using proxy = await startScriptedServer([
      async (response, request, body) => {
        const isClose = messageTypesOf(body).includes(closeSuccessful.type);
        if (isClose) closes += 1;
        const step = isClose && closes === 1 ? answerRaw(404, '<html>') : forward(colony.address);
        await step(response, request, body);
      },
    ]);
    await start(echo, { server: proxy.address });
    expect((await run('repeat', { text: 'a' })).output).toEqual(['a']);
    expect(closes).toBe(2);
  });

  test('too busy for large requests: the daemon sends its result until it is taken', async ({ stage }) => {
    const { colony, start, run } = stage;
    let refused = 0;
    await using proxy = await startScriptedServer([
      async (response, request, body) => {
        const isClose = messageTypesOf(body).includes(closeSuccessful.type);
        const isBusy = isClose && refused < 7;
        if (isBusy) refused += 1;
        const step = isBusy ? refuse(503, 'Too many large requests') : forward(colony.address);
        await step(response, request, body);
      },
    ]);
    await start(echo, { server: proxy.address });
    expect((await run('repeat', { text: 'a' })).output).toEqual(['a']);
    expect(refused).toBe(7);
  });

  test('with an empty database: the daemon registers anew', async ({ stage: { colony, logs, start, run } }) => {
    const worker = await start(echo);
    await worker.ready;
    const nameBefore = worker.name;
    await colony.server.stop();
    await Promise.all(['', '-wal', '-shm'].map((suffix) => rm(colony.databasePath + suffix, { force: true })));
    await colony.restart();
    expect((await run('repeat', { text: 'after' })).output).toEqual(['after']);
    expect(worker.name).not.toBe(nameBefore);
    expect(logs.mention('the server no longer knows this executor')).toBe(true);
  });
});

describe('a registration that is lost', () => {
  test('and refused from then on is said once, however often the daemon tries', async ({ stage }) => {
    const { colony, logs, start } = stage;
    let isLost = false;
    let refused = 0;
    await using proxy = await startScriptedServer([
      async (response, request, body) => {
        if (isLost && RequestEnvelope.parse(JSON.parse(body)).payloadtype === addExecutor.type) refused += 1;
        const step = isLost ? refuse(403, 'Access denied, not colony owner') : forward(colony.address);
        await step(response, request, body);
      },
    ]);
    const worker = await start(echo, { server: proxy.address });
    await worker.ready;
    isLost = true;
    await until(() => refused >= 3);
    expect(logs.lines.filter((line) => line.includes('no longer knows this executor'))).toHaveLength(1);
    isLost = false;
  });

  test('by removal is made again, and the process that ran is not closed by the old one', async ({ stage }) => {
    const { colony, logs, start, submit } = stage;
    const work = gated();
    const worker = await start(daemonOf(work.body), { concurrency: 2, pollTimeoutSeconds: 1 });
    const { processId } = await submit('f');
    await work.entered;
    const { name } = worker;
    await colony.call(colony.colonyOwner, removeExecutor, { colonyName: colony.colonyName, executorName: name });
    await until(() => logs.mention('left open: the daemon is no longer an approved executor', processId));
    work.release();
    await until(async () => (await colony.call(colony.user, getProcess, { processId })).state === 'success');
    const process = await colony.getProcess(processId);
    expect(process.assignedExecutorId).toBe(worker.executorId);
    expect(worker.name).not.toBe(name);
  });
});

describe('a process whose assignment the daemon never heard of', () => {
  test('because the answer was lost, is run all the same', async ({ stage: { colony, logs, start, run } }) => {
    let isLost = false;
    await using proxy = await startScriptedServer([
      async (response, request, body) => {
        const { payloadtype } = RequestEnvelope.parse(JSON.parse(body));
        const reply = await fetch(apiUrl(colony.address), { method: 'POST', body });
        const loses = !isLost && payloadtype === assignProcess.type && reply.status === 200;
        isLost ||= loses;
        if (loses) request.socket.resetAndDestroy();
        else response.writeHead(reply.status).end(await reply.text());
      },
    ]);
    await start(echo, { server: proxy.address });
    expect((await run('repeat', { text: 'a' })).output).toEqual(['a']);
    expect(isLost).toBe(true);
    expect(logs.mention('adopting a process')).toBe(true);
  });

  test('because an earlier start with the same key died, is run by the next', async ({ stage }) => {
    const { colony, client, start, submit } = stage;
    const died = await colony.addExecutor(TYPE);
    const { processId } = await submit('repeat', { text: 'a' });
    const offer = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
    await colony.call(died.identity, assignProcess, offer);
    await start(echo, { identity: died.identity });
    expect((await waitForProcess(client, { processId, timeoutMs: 20_000 })).output).toEqual(['a']);
  });
});

test('the log of a daemon never holds a key', async ({ stage: { colony, logs, start, run } }) => {
  const identity = generateIdentity();
  await start(echo, { identity });
  await run('repeat', { text: 'patient-4711' });
  await run('nothing');
  expect(logs.mention(identity.id)).toBe(true);
  for (const secret of [identity.privateKey, colony.colonyOwner.privateKey, 'patient-4711', 'privateKey']) {
    expect(logs.mention(secret)).toBe(false);
  }
});

interface Gate {
  readonly entered: Promise<unknown>;
  readonly release: () => void;
  readonly body: () => Promise<string>;
}

/** A function body that tells when it was entered and returns once it is released. */
function gated(): Gate {
  const gate = new EventTarget();
  let isReleased = false;
  const entered = once(gate, 'enter');
  return {
    entered,
    release() {
      isReleased = true;
      gate.dispatchEvent(new Event('release'));
    },
    async body() {
      const released = once(gate, 'release');
      gate.dispatchEvent(new Event('enter'));
      if (!isReleased) await released;
      return 'done';
    },
  };
}

/** Starts `daemon-main.ts` as a process of its own. */
function startDaemonProgram({ address, colonyName, colonyOwner, user }: TestColony, mode: 'echo' | 'hang') {
  const program = fileURLToPath(new URL('daemon-main.ts', import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', program], {
    env: { ...process.env, COLONY: JSON.stringify({ address, colonyName, colonyOwner, user, mode }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
