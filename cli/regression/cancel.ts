import { setTimeout as delay } from 'node:timers/promises';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

const GLANCE_MS = 300;
/** A workflow may just have been submitted by the one that is being cancelled. */
const QUIET_GLANCES = 3;

/** `colonies regression cancel` */
export const regressionCancel = defineCommand({
  describe: 'Cancel a training or a prediction: every party stops within seconds',
  details: 'What parties have learnt so far stays with them. "colonies regression resume" goes on with a training.',
  positional: { run: { type: 'string', describe: 'name of the run', required: true } },
  options: memberKey,
  examples: [['regression cancel june', 'all its open workflows']],
  async run({ run, prvkey }, context) {
    const { requireStatus } = await import('../views/regression-run.ts');
    const connection = await context.connect('member', { prvkey });
    const cancelled = new Set<string>();
    let what = 'Training';
    for (let quiet = 0; quiet < QUIET_GLANCES; quiet += 1) {
      const { openWorkflows, predictsWith } = await requireStatus(connection, run);
      if (predictsWith !== undefined) what = 'Prediction';
      for (const workflowId of openWorkflows) {
        await connection.client.cancelWorkflow({ workflowId });
        cancelled.add(workflowId);
        quiet = 0;
      }
      await delay(GLANCE_MS, undefined, { signal: context.io.signal });
    }
    const message = cancelled.size === 0 ? `Nothing of ${run} was open` : `${what} cancelled: ${run}`;
    return doneReport(message, { run, workflowIds: [...cancelled] });
  },
});
