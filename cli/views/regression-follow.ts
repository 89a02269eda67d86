import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import type { Report } from '../framework/report.ts';
import { printableLine } from '../framework/text.ts';
import { requireStatus, type RunStatus } from './regression-run.ts';

const GLANCE_MS = 500;
/** Between two workflows of a run nothing is open for a moment. */
const QUIET_GLANCES = 4;

/** Watches a run to its end, and says how far it is. */
export async function followRun(connection: Connection, run: string, context: Context): Promise<RunStatus> {
  let said = -1;
  for (let quiet = 0; ;) {
    const status = await requireStatus(connection, run);
    if (status.iterations > said && status.training !== undefined) {
      context.say(`${run}: ${status.iterations} of ${status.training.parameters.iterations} iterations`);
      said = status.iterations;
    }
    quiet = status.state === 'running' ? 0 : quiet + 1;
    if (status.state === 'finished' || quiet >= QUIET_GLANCES) return status;
    await delay(GLANCE_MS, undefined, { signal: context.io.signal });
  }
}

/** What became of a run. */
export function endReport(status: RunStatus): Report {
  const { run, state, iterations, stopped, failures } = status;
  const isUseful = state === 'finished' && stopped !== 'diverged';
  return {
    json: statusJson(status),
    show(out, talk) {
      if (isUseful) {
        talk.line(`Training ${run} has ended after ${iterations} iterations; each party reads its own results with:`);
        out.line(`colonies regression report ${run}`);
        return;
      }
      const why = stopped === 'diverged' ? 'diverged; choose a smaller alpha, or scale the columns' : state;
      talk.line([`Training ${run}: ${why}`, ...failures.map((failure) => `  ${printableLine(failure)}`)].join('\n'));
    },
    exitCode: isUseful ? EXIT_CODES.success : EXIT_CODES.failedWork,
  };
}

/** A run as a JSON document. */
export function statusJson({ training, ...status }: RunStatus) {
  return { ...status, parameters: training?.parameters };
}
