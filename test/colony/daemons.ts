import { once } from 'node:events';
import { pino } from 'pino';
import * as z from 'zod';
import { type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import {
  type CallContext,
  defineExecutor,
  defineFunction,
  type ExecutorDefinition,
  rootFunction,
} from '../../colony/executor.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { startWorker, type Worker, type WorkerOptions } from '../../colony/worker.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

/** Starts a daemon that registers with the owner's key; it is stopped with the test. */
type StartDaemon = (definition: ExecutorDefinition, options?: Partial<WorkerOptions>) => Promise<Worker>;

/** The lines that daemons logged. */
interface Logs {
  readonly lines: readonly string[];
  /** Whether a line contains all of the words. */
  mention(...words: readonly string[]): boolean;
}

/** A real server, daemons that end with the test, and what they logged. */
export interface Stage extends AsyncDisposable {
  /** A colony whose deadlines are looked at often. */
  readonly colony: TestColony;
  /** The user's client. */
  readonly client: ColoniesClient;
  readonly logs: Logs;
  readonly start: StartDaemon;
  /** Submits a function as the user. */
  readonly submit: (functionName: string, kwargs?: object, spec?: SpecParts) => Promise<Process>;
  /** Submits a function as the user and waits for the end of its process. */
  readonly run: (functionName: string, kwargs?: object, spec?: SpecParts) => Promise<Process>;
}

type SpecParts = Parameters<typeof functionSpec>[2];

/** Sets up a {@link Stage}. */
export async function openStage(serverOptions: Parameters<typeof startTestColony>[0] = {}): Promise<Stage> {
  const colony = await startTestColony({ sweepIntervalMs: 50, ...serverOptions });
  const client = createColoniesClient({ server: colony.address, identity: colony.user });
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const workers: Worker[] = [];
  const stage: Stage = {
    colony,
    client,
    logs: { lines, mention: (...words) => lines.some((line) => words.every((word) => line.includes(word))) },
    async start(definition, options = {}) {
      const worker = await startWorker(definition, { ...quickly(colony), log, ...options });
      workers.push(worker);
      return worker;
    },
    submit: (functionName, kwargs = {}, spec = {}) =>
      colony.submit(functionSpec(colony.colonyName, TYPE, { functionName, kwargs: { ...kwargs }, ...spec }), TYPE),
    async run(...call) {
      const { processId } = await stage.submit(...call);
      return waitForProcess(client, { processId, timeoutMs: 20_000, pollMs: 50 });
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(workers.map((worker) => worker.stop({ graceMs: 0 })));
      await colony.stop();
    },
  };
  return stage;
}

function quickly({ address, colonyName, colonyOwner }: TestColony) {
  const times = { watchMs: 20, approvalPollMs: 20, graceMs: 0 };
  return { server: address, colonyName, colonyIdentity: colonyOwner, ...times };
}

/** The executor type of the daemons here. */
export const TYPE = 'test-type';

/** A daemon with one function without arguments, whose output is text. */
export function daemonOf(body: (call: CallContext) => Promise<string>): ExecutorDefinition {
  const only = rootFunction({
    description: 'Does what the test wants.',
    kwargs: z.object({}),
    output: z.string(),
    run: body,
  });
  return defineExecutor({ type: TYPE, functions: { f: only } });
}

/** A daemon that repeats and joins texts. */
export const echo = defineExecutor({
  type: TYPE,
  functions: {
    repeat: rootFunction({
      description: 'Gives back a text.',
      kwargs: z.object({
        text: z.string().min(1).describe('what to give back'),
        times: z.number().int().max(9).default(1),
        end: z.enum(['.', '!']).optional(),
      }),
      output: z.string(),
      run: async ({ kwargs }) => kwargs.text.repeat(kwargs.times) + (kwargs.end ?? ''),
    }),
    join: defineFunction({
      description: 'Joins the texts of its parents.',
      kwargs: z.object({}),
      inputs: z.array(z.string()).min(1),
      output: z.object({ joined: z.string() }),
      run: async ({ inputs }) => ({ joined: inputs.join('+') }),
    }),
  },
});

/** Waits until the signal fires, then throws its reason, as well-behaved functions do. */
export async function untilAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
