import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import type { Report } from '../framework/report.ts';
import { printableLine } from '../framework/text.ts';
import { attendedCalls, describeCall } from './regression-open.ts';
import { requireStatus, type RunStatus } from './regression-run.ts';

const GLANCE_MS = 500;
/** Between two workflows of a run nothing is open for a moment. */
const QUIET_GLANCES = 4;

/** What must have stood still for so long is asked about, and asked about again. */
const STILL_MS = 15_000;

/** Watches a run to its end, and says how far it is, and which party it waits for is not there. */
export async function followRun(connection: Connection, run: string, context: Context): Promise<RunStatus> {
  const noteAbsence = watchAbsence(connection, context);
  let said = -1;
  for (let quiet = 0; ;) {
    const status = await requireStatus(connection, run);
    if (status.iterations > said && status.training !== undefined) {
      context.say(`${run}: ${status.iterations} of ${status.training.parameters.iterations} iterations`);
      said = status.iterations;
    }
    await noteAbsence(status);
    quiet = status.state === 'running' ? 0 : quiet + 1;
    if (status.state === 'finished' || quiet >= QUIET_GLANCES) return status;
    await delay(GLANCE_MS, undefined, { signal: context.io.signal });
  }
}

/** Says once for each process which party is not there, when a run stands still. */
function watchAbsence(connection: Connection, context: Context): (status: RunStatus) => Promise<void> {
  const told = new Set<string>();
  let still = { turns: '', sinceMs: 0 };
  return async ({ run, waitsFor }) => {
    const turns = waitsFor.map(({ node }) => node).join();
    const nowMs = performance.now();
    if (turns !== still.turns) still = { turns, sinceMs: nowMs };
    if (nowMs - still.sinceMs < STILL_MS) return;
    still.sinceMs = nowMs;
    for (const call of await attendedCalls(connection, waitsFor)) {
      if (call.isOnline || told.has(call.node)) continue;
      told.add(call.node);
      context.say(`${run}: waits for ${describeCall(call)}`);
    }
  };
}

/** What became of a run. */
export function endReport(status: RunStatus): Report {
  const { run, state, iterations, stopped, failures, predictsWith } = status;
  const ended =
    predictsWith === undefined
      ? `Training ${run} has ended after ${iterations} iterations; each party reads its own results with:`
      : `Prediction ${run} has ended; the party with the labels, and nobody else, reads it with:`;
  const isUseful = state === 'finished' && stopped !== 'diverged';
  return {
    json: statusJson(status),
    show(out, talk) {
      if (isUseful) {
        talk.line(ended);
        out.line(`colonies regression report ${run}`);
        return;
      }
      const why = stopped === 'diverged' ? 'diverged; choose a smaller alpha, or scale the columns' : state;
      const what = predictsWith === undefined ? 'Training' : 'Prediction';
      const reasons = failures.map((failure) => `  ${printableLine(failure)}`);
      talk.line([`${what} ${run}: ${why}`, ...reasons, ...nextStep(status)].join('\n'));
    },
    exitCode: isUseful ? EXIT_CODES.success : EXIT_CODES.failedWork,
  };
}

/** What goes on with a run that has failed or was cancelled. */
function nextStep({ run, state, training, predictsWith }: RunStatus): string[] {
  if (state === 'finished' || predictsWith !== undefined) return [];
  if (training === undefined)
    return ['It had not begun: mend that, and submit the request under another name (--run).'];
  const condition = state === 'failed' ? ', once that is mended' : '';
  return [`It can go on from its last iteration${condition}: colonies regression resume ${run}`];
}

/** A run as a JSON document. */
export function statusJson({ training, ...status }: RunStatus) {
  return { ...status, parameters: training?.parameters };
}
