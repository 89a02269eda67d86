import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { doneReport, type Report } from '../framework/report.ts';

/** `colonies regression resume` */
export const regressionResume = defineCommand({
  describe: 'Go on with a training that failed or was cancelled, from its last finished iteration',
  details:
    'The parties need what they have stored of the run, and the same rows. An iteration that is repeated gets fresh pads.',
  positional: { run: { type: 'string', describe: 'name of the run', required: true } },
  options: { wait: { type: 'boolean', describe: 'follow the training to its end' }, ...memberKey },
  examples: [['regression resume june --wait', 'after a party came back']],
  async run({ run, wait, prvkey }, context): Promise<Report> {
    const { requireStatus } = await import('../views/regression-run.ts');
    const { restartWorkflow } = await import('../../workflows/vertical-regression/builder.ts');
    const { graphOf } = await import('../../executors/regression/training.ts');
    const connection = await context.connect('member', { prvkey }, { bridgeMs: wait ? PATIENT_BRIDGE_MS : 0 });
    const { client, colonyName } = connection;
    const status = await requireStatus(connection, run);
    if (status.state === 'running' || status.state === 'finished') {
      throw new UserError(`run ${run}: expected one that failed or was cancelled, got one that is ${status.state}`);
    }
    if (status.predictsWith !== undefined) {
      throw new UserError(
        `run ${run}: expected a training, got a prediction, which has one attempt; ask again under another name`,
      );
    }
    if (status.training === undefined) {
      throw new UserError(`run ${run}: expected a set-up to go on from, got none; submit the request under a new name`);
    }
    const functionSpecs = restartWorkflow(graphOf(status.training), status.attempt + 1);
    const { workflowId } = await client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
    if (!wait) return doneReport(`Training goes on: ${run}`, { run, workflowId });
    const { followRun, endReport } = await import('../views/regression-follow.ts');
    return endReport(await followRun(connection, run, context));
  },
});
