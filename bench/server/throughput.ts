import { MAX_BATCH_LENGTH } from '../../colony/messages/batch.ts';
import { assignProcess, closeSuccessful, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { connectParty, type Party, textOf, type WireReply } from './party.ts';
import { OUTPUT, POLL, type Setting, spec } from './setting.ts';

const EXECUTORS = 8;
const SUBMITTING_CONNECTIONS = 8;

/**
 * What is signed. `batches`: a close with the poll for the next process, and as many submissions as a batch holds, as our
 * own daemons and command line do it. `each`: every message, as clients of the official server must; a poll that is the
 * same again has the same signature. `anew`: the same with a nonce in every poll.
 */
export type Signing = 'batches' | 'each' | 'anew';

/** How executors work. */
export interface Manner {
  readonly signing: Signing;
  /** How many processes each of them runs at a time, as `executor start --concurrency` says. */
  readonly processesAtATime: number;
}

/**
 * One user submits while eight executors take and end what is there until all has succeeded. Everything is signed while the
 * clock runs.
 *
 * @returns processes per second
 */
export async function measureThroughput(
  setting: Setting,
  type: string,
  processCount: number,
  { signing, processesAtATime }: Manner,
): Promise<number> {
  const executors = await setting.addExecutors(type, EXECUTORS, processesAtATime);
  const submitters = await Promise.all(
    Array.from({ length: signing === 'batches' ? 1 : SUBMITTING_CONNECTIONS }, () =>
      connectParty(setting.port, setting.user),
    ),
  );
  const startedAt = performance.now();
  const ended = finishAll(executors, processCount, signing);
  await submitAll(submitters, type, processCount, signing);
  await ended;
  const elapsedMs = performance.now() - startedAt;
  for (const party of [...submitters, ...executors]) party.close();
  return (processCount * 1000) / elapsedMs;
}

async function submitAll(
  submitters: readonly Party[],
  type: string,
  processCount: number,
  signing: Signing,
): Promise<void> {
  const request = { spec: spec(type) };
  const most = signing === 'batches' ? MAX_BATCH_LENGTH : 1;
  let submittedCount = 0;
  const work = async (submitter: Party): Promise<void> => {
    while (submittedCount < processCount) {
      const count = Math.min(most, processCount - submittedCount);
      submittedCount += count;
      if (signing === 'batches') await submitTogether(submitter, request, count);
      else await submitter.call(submitFunctionSpec, request);
    }
  };
  await Promise.all(submitters.map(work));
}

async function submitTogether(submitter: Party, request: object, count: number): Promise<void> {
  const replies = await submitter.batch(Array.from({ length: count }, () => [submitFunctionSpec, request]));
  if (replies.includes(undefined)) throw new Error('bench: expected all to be submitted, got a refusal');
}

/** The same requests, each signed, by the same number of connections to a server that only echoes them. */
export async function measureEcho(setting: Setting, port: number, processCount: number): Promise<number> {
  const parties = await Promise.all(
    Array.from({ length: EXECUTORS + SUBMITTING_CONNECTIONS }, () => connectParty(port, setting.user)),
  );
  const startedAt = performance.now();
  const request = { spec: spec('nobody') };
  const turns = Array.from({ length: processCount }).keys();
  await Promise.all(
    parties.map(async (party) => {
      const poll = party.seal(assignProcess, POLL, 'unmarked');
      for (const turn of turns) {
        await party.echo(party.seal(submitFunctionSpec, request));
        await party.echo(poll);
        await party.echo(party.seal(closeSuccessful, { processId: `${turn}`, output: [...OUTPUT] }));
      }
    }),
  );
  const elapsedMs = performance.now() - startedAt;
  for (const party of parties) party.close();
  return (processCount * 1000) / elapsedMs;
}

/** What a poll asks for that does not wait. */
const IMPATIENT_POLL = { ...POLL, timeoutSeconds: -1 };

/** Executors take and end processes until so many have ended. Polls that are open then stay open. */
export function finishAll(executors: readonly Party[], processCount: number, signing: Signing): Promise<void> {
  let endedCount = 0;
  return new Promise((resolve, reject) => {
    const work = async (executor: Party): Promise<void> => {
      const poll = executor.seal(assignProcess, POLL, 'unmarked');
      let next: WireReply | undefined;
      while (endedCount < processCount) {
        next ??= await (signing === 'anew' ? executor.call(assignProcess, POLL) : executor.send(assignProcess, poll));
        next = await end(executor, textOf(next, 'processid'), signing);
        endedCount += 1;
        if (endedCount === processCount) resolve();
      }
    };
    for (const executor of executors) work(executor).catch(reject);
  });
}

/** Closes a process; the next one, if it came with the answer. */
async function end(executor: Party, processId: string, signing: Signing): Promise<WireReply | undefined> {
  const close = { processId, output: [...OUTPUT] };
  if (signing !== 'batches') {
    await executor.call(closeSuccessful, close);
    return undefined;
  }
  const [closed, next] = await executor.batch([
    [closeSuccessful, close],
    [assignProcess, IMPATIENT_POLL],
  ]);
  if (closed === undefined) throw new Error('bench: expected a process to be closed, got a refusal');
  return next;
}
