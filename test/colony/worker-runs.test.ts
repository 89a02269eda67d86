import { describe, expect, test as base } from 'vitest';
import * as z from 'zod';
import { apiUrl } from '../../colony/address.ts';
import { ReplyEnvelope, sealReply } from '../../colony/envelope.ts';
import { RetryableError, TerminalError } from '../../colony/errors.ts';
import { defineExecutor, rootFunction } from '../../colony/executor.ts';
import { assignProcess, cancelProcess, type Conditions, Process } from '../../colony/messages/processes.ts';
import { submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { followWorkflow } from '../../colony/subscription.ts';
import { until } from '../support/processes.ts';
import { functionSpec, type TestColony } from '../support/test-colony.ts';
import { startScriptedServer } from './scripted-server.ts';
import { daemonOf, echo, openStage, type Stage, TYPE, untilAborted } from './daemons.ts';

const test = base.extend<{ stage: Stage }>({
  stage: async ({}, use) => {
    await using stage = await openStage();
    await use(stage);
  },
});

describe('a daemon', () => {
  test('runs functions and closes with one text', async ({ stage: { start, run } }) => {
    await start(echo);
    expect((await run('repeat', { text: 'ab', times: 2, end: '!' })).output).toEqual(['abab!']);
  });

  test('hands the outputs of parents to their child, in the order of its dependencies', async ({ stage }) => {
    const { colony, client, start } = stage;
    await start(echo);
    const node = (nodeName: string, functionName: string, text?: string, dependencies: readonly string[] = []) =>
      functionSpec(colony.colonyName, TYPE, {
        nodeName,
        functionName,
        kwargs: text === undefined ? {} : { text },
        conditions: { dependencies },
      });
    const functionSpecs = [
      node('b', 'repeat', 'B'),
      node('a', 'repeat', 'A'),
      node('j', 'join', undefined, ['b', 'a']),
    ];
    const { workflowId } = await colony.call(colony.user, submitWorkflowSpec, {
      spec: { colonyName: colony.colonyName, functionSpecs },
    });
    const { processes } = await followWorkflow(client, { workflowId, timeoutMs: 20_000 });
    expect(processes.find(({ spec }) => spec.nodeName === 'j')?.output).toEqual(['{"joined":"B+A"}']);
  });

  test('shares the work of its type with another', async ({ stage: { colony, start, run } }) => {
    const daemon = daemonOf(async ({ processId }) => processId);
    const [one, other] = [await start(daemon), await start(daemon)];
    const done = await Promise.all(Array.from({ length: 12 }, () => run('f')));
    const workers = new Set(done.map(({ assignedExecutorId }) => assignedExecutorId));
    expect(done.every(({ state, output, processId }) => state === 'success' && output[0] === processId)).toBe(true);
    expect([...workers].every((id) => id === one.executorId || id === other.executorId)).toBe(true);
    expect((await colony.getProcess(done[0]?.processId ?? '')).retries).toBe(0);
  });

  test('runs as many processes at a time as it is told', async ({ stage: { start, run } }) => {
    let running = 0;
    let most = 0;
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const daemon = daemonOf(async () => {
      most = Math.max(most, ++running);
      if (running === 3) release?.();
      await gate;
      running--;
      return 'done';
    });
    const worker = await start(daemon, { concurrency: 3 });
    const done = await Promise.all(Array.from({ length: 6 }, () => run('f')));
    expect(done.map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'success'));
    expect(most).toBe(3);
    await until(() => worker.running === 0);
  });

  test('adds to the log of the process', async ({ stage: { client, colony, start, run } }) => {
    await start(
      daemonOf(async ({ report }) => {
        await report('halfway');
        return 'done';
      }),
    );
    const { processId } = await run('f');
    expect(await client.getLogs(logsOf(colony, processId))).toMatchObject([{ message: 'halfway', processId }]);
  });
});

describe('a process fails at once, with words that help and show no value', () => {
  const SECRET = 'patient-4711';
  const failing = defineExecutor({
    type: TYPE,
    functions: {
      terminal: rootFunction({
        description: 'Cannot succeed.',
        kwargs: z.object({}),
        output: z.string(),
        run: async () => {
          throw new TerminalError('column chol: expected numbers, got text in 3 cells', { code: 'BAD_DATA' });
        },
      }),
      crash: rootFunction({
        description: 'Has a bug.',
        kwargs: z.object({}),
        output: z.string(),
        run: () => {
          throw new TypeError(`cannot read ${SECRET}`);
        },
      }),
      odd: rootFunction({
        description: 'Returns what it must not.',
        kwargs: z.object({}),
        output: z.string().max(3),
        run: async () => SECRET,
      }),
      strict: rootFunction({
        description: 'Reads numbers.',
        kwargs: z.object({
          count: z.codec(z.string(), z.bigint(), {
            decode: (text) => BigInt(text),
            encode: (value) => value.toString(),
          }),
          key: z.base64(),
        }),
        output: z.string(),
        run: async () => 'never',
      }),
    },
  });

  test.for([
    [
      'nothing',
      {},
      'funcname: expected a function of test-type executors (terminal, crash, odd, strict), got "nothing"',
    ],
    [
      'toString',
      {},
      'funcname: expected a function of test-type executors (terminal, crash, odd, strict), got "toString"',
    ],
    ['terminal', {}, 'column chol: expected numbers, got text in 3 cells'],
    ['odd', {}, 'output: Too big: expected string to have <=3 characters'],
    ['strict', { count: '1', key: 5 }, 'kwargs.key: expected string, got number'],
    ['strict', { count: '1', key: SECRET }, 'kwargs.key: expected base64 text, got text of 12 characters'],
    ['strict', { count: SECRET, key: 'aaaa' }, 'kwargs: expected a value that can be read, got SyntaxError'],
  ] as const)('%s %j', async ([functionName, kwargs, words], { stage: { logs, start, run } }) => {
    await start(failing);
    expect(await run(functionName, kwargs)).toMatchObject({ state: 'failed', errors: [words], output: [] });
    expect(logs.mention(SECRET)).toBe(false);
  });

  test('a bug leaves its class on the server and its stack in the log of the daemon', async ({ stage }) => {
    const worker = await stage.start(failing);
    const { errors } = await stage.run('crash');
    expect(errors).toEqual([`crash: TypeError; see the log of ${worker.name} (${TYPE})`]);
    expect(stage.logs.mention('"type":"TypeError"', 'worker-runs.test.ts')).toBe(true);
  });

  test('parents without any output are refused by a function that needs inputs', async ({ stage: { start, run } }) => {
    await start(echo);
    expect((await run('join')).errors).toEqual(['inputs: Too small: expected array to have >=1 items']);
  });

  test('and the daemon goes on serving', async ({ stage: { start, run } }) => {
    await start(echo);
    await run('nothing');
    expect((await run('repeat', { text: 'still here' })).output).toEqual(['still here']);
  });
});

test('an output that the server does not take fails the process', async () => {
  await using stage = await openStage({ maxBodyBytes: 100_000 });
  await stage.start(daemonOf(async () => 'x'.repeat(200_000)));
  const { state, errors } = await stage.run('f');
  expect(state).toBe('failed');
  expect(errors).toEqual([expect.stringMatching(/^output: expected one that the server takes, got "/)]);
});

describe('an attempt that may succeed later', () => {
  test('is made again by the daemon itself, on the same process, whose log says why', async ({ stage }) => {
    const { client, colony, logs, run, start } = stage;
    let attempts = 0;
    await start(
      daemonOf(async () => {
        if (++attempts < 3) throw new RetryableError('the database is away', { code: 'AWAY', retryAfterMs: 1 });
        return 'done';
      }),
    );
    const done = await run('f');
    expect(done).toMatchObject({ state: 'success', output: ['done'], retries: 0 });
    expect(attempts).toBe(3);
    expect(await client.getLogs(logsOf(colony, done.processId))).toMatchObject([
      { message: 'the database is away; trying again until the deadline' },
    ]);
    expect(logs.mention('the database is away; trying again', 'AWAY')).toBe(true);
  });

  test('ends with the deadline of the process', async ({ stage: { start, run } }) => {
    const daemon = daemonOf(async () => {
      throw new RetryableError('the database is away', { retryAfterMs: 10 });
    });
    const worker = await start(daemon);
    const { state, errors } = await run('f', {}, { maxExecTimeSeconds: 1 });
    expect({ state, errors }).toEqual({ state: 'failed', errors: ['Maximum execution time limit exceeded'] });
    await until(() => worker.running === 0);
  });
});

describe('a running function is told to end', () => {
  test('at its deadline, and the next attempt may finish it', async ({ stage: { start, run } }) => {
    const reasons: unknown[] = [];
    // The daemon does not look at the server here: its own clock tells it.
    await start(watching(reasons), { watchMs: 3_600_000 });
    const done = await run('f', {}, { maxExecTimeSeconds: 1, maxRetries: 1 });
    expect(done).toMatchObject({ state: 'success', output: ['second attempt'], retries: 1 });
    await until(() => reasons.length === 1);
    expect(reasons).toEqual([expect.objectContaining({ code: 'DEADLINE' })]);
  });

  test('when it is cancelled', async ({ stage: { colony, logs, start, submit } }) => {
    const reasons: unknown[] = [];
    const worker = await start(watching(reasons));
    const { processId } = await submit('f');
    await until(() => worker.running === 1);
    await colony.call(colony.user, cancelProcess, { processId });
    await until(() => worker.running === 0);
    expect(reasons).toEqual([expect.objectContaining({ code: 'CANCELLED', processId })]);
    expect(logs.mention('left open: the process was cancelled', processId)).toBe(true);
    expect((await colony.getProcess(processId)).state).toBe('cancelled');
  });

  test('and one that does not listen loses its result, not its daemon', async ({
    stage: { colony, start, submit },
  }) => {
    let release: ((text: string) => void) | undefined;
    const result = new Promise<string>((resolve) => (release = resolve));
    const worker = await start(daemonOf(() => result));
    const { processId } = await submit('f');
    await until(() => worker.running === 1);
    await colony.call(colony.user, cancelProcess, { processId });
    await until(() => worker.running === 0);
    release?.('too late');
    expect((await colony.getProcess(processId)).output).toEqual([]);
  });
});

describe('a process that is not for the daemon', () => {
  test.each<[string, Partial<Conditions>]>([
    ['colony', { colonyName: 'another' }],
    ['executor type', { executorType: 'another' }],
    ['executor name', { executorNames: ['another'] }],
  ])('since its %s is another, is refused, whatever the server says', async (what, conditions) => {
    await using stage = await openStage();
    let ran = false;
    const daemon = daemonOf(async () => {
      ran = true;
      return 'done';
    });
    await using hostile = await startScriptedServer([
      async (response, _, body) => {
        const reply = await fetch(apiUrl(stage.colony.address), { method: 'POST', body });
        response.writeHead(reply.status).end(withConditions(await reply.text(), conditions));
      },
    ]);
    await stage.start(daemon, { server: hostile.address });
    const { state, errors } = await stage.run('f');
    expect({ state, errors, ran }).toEqual({
      state: 'failed',
      errors: [expect.stringMatching(new RegExp(`^conditions: expected the ${what} ".*", got another one`))],
      ran: false,
    });
  });

  test('among others is run: it names the daemon, or everybody', async ({ stage: { start, run } }) => {
    const { name } = await start(echo);
    for (const executorNames of [[name], ['*']]) {
      const { state } = await run('repeat', { text: 'a' }, { conditions: { executorNames } });
      expect(state).toBe('success');
    }
  });
});

/** An answer to an assign call with other conditions; any other answer as it is. */
function withConditions(text: string, conditions: Partial<Conditions>): string {
  const { payloadtype, payload } = ReplyEnvelope.parse(JSON.parse(text));
  if (payloadtype !== assignProcess.type) return text;
  const process = z.decode(Process, JSON.parse(Buffer.from(payload, 'base64').toString()));
  const spec = { ...process.spec, conditions: { ...process.spec.conditions, ...conditions } };
  return JSON.stringify(sealReply(payloadtype, z.encode(Process, { ...process, spec })));
}

/** A daemon whose first attempt waits for the end of its signal and notes the reason. */
function watching(reasons: unknown[]): ReturnType<typeof daemonOf> {
  return daemonOf(async ({ signal, retries }) => {
    if (retries > 0) return 'second attempt';
    return untilAborted(signal).catch((error: unknown) => {
      reasons.push(error);
      throw error;
    });
  });
}

/** Asks for the log of a process. */
function logsOf({ colonyName }: TestColony, processId: string) {
  return { colonyName, processId, executorName: '', count: 10, sinceNs: 0, latest: false };
}
