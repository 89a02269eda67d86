import { assignProcess, closeSuccessful, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { connectParty, type Party, textOf } from './party.ts';
import { OUTPUT, POLL, type Setting, spec } from './setting.ts';

const EXECUTORS = 8;
const SUBMITTING_CONNECTIONS = 8;

/**
 * How executors sign their polls. `once`: the bytes of one poll again and again, as the clients of the official project
 * do it, whose signatures are deterministic. `anew`: with a nonce, as our own client does it.
 */
export type PollSigning = 'once' | 'anew';

/**
 * One user submits over several connections while executors take and end what is there, each in long polls over a
 * connection of its own, until all has succeeded. Everything is signed while the clock runs.
 *
 * @returns processes per second
 */
export async function measureThroughput(
  setting: Setting,
  type: string,
  processCount: number,
  signing: PollSigning,
): Promise<number> {
  const executors = await setting.addExecutors(type, EXECUTORS);
  const submitters = await Promise.all(
    Array.from({ length: SUBMITTING_CONNECTIONS }, () => connectParty(setting.port, setting.user)),
  );
  const startedAt = performance.now();
  const ended = finishAll(executors, processCount, signing);
  const request = { spec: spec(type) };
  let submittedCount = 0;
  await Promise.all(
    submitters.map(async (submitter) => {
      while (submittedCount < processCount) {
        submittedCount += 1;
        await submitter.call(submitFunctionSpec, request);
      }
    }),
  );
  await ended;
  const elapsedMs = performance.now() - startedAt;
  for (const party of [...submitters, ...executors]) party.close();
  return (processCount * 1000) / elapsedMs;
}

/** The same requests by the same number of connections to a server that only echoes them. */
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

/** Executors take and end processes until so many have ended. Polls that are open then stay open. */
export function finishAll(executors: readonly Party[], processCount: number, signing: PollSigning): Promise<void> {
  let endedCount = 0;
  return new Promise((resolve, reject) => {
    const work = async (executor: Party): Promise<void> => {
      const poll = executor.seal(assignProcess, POLL, 'unmarked');
      while (endedCount < processCount) {
        const assigned = await (signing === 'once'
          ? executor.send(assignProcess, poll)
          : executor.call(assignProcess, POLL));
        await executor.call(closeSuccessful, { processId: textOf(assigned, 'processid'), output: [...OUTPUT] });
        endedCount += 1;
        if (endedCount === processCount) resolve();
      }
    };
    for (const executor of executors) work(executor).catch(reject);
  });
}
