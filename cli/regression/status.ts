import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { printableLine } from '../framework/text.ts';

/** `colonies regression status` */
export const regressionStatus = defineCommand({
  describe: 'Show how far a training or a prediction is, and whom it waits for',
  positional: { run: { type: 'string', describe: 'name of the run', required: true } },
  options: memberKey,
  examples: [['regression status june', 'iterations done, whose turn it is, and what has failed']],
  async run({ run, prvkey }, context) {
    const { requireStatus } = await import('../views/regression-run.ts');
    const { statusJson } = await import('../views/regression-follow.ts');
    const { attendedCalls, describeCall, describeStage } = await import('../views/regression-open.ts');
    const connection = await context.connect('member', { prvkey });
    const status = await requireStatus(connection, run);
    const waitsFor = await attendedCalls(connection, status.waitsFor);
    const { training, predictsWith, state, stage, iterations, stopped, failures } = status;
    const planned = training === undefined ? '' : ` of ${training.parameters.iterations}`;
    const progress: [string, string][] = [
      ['Iterations', `${iterations}${planned}${stopped === undefined ? '' : `, ${stopped}`}`],
      ['Mode', training?.parameters.mode ?? 'not agreed on yet'],
      ...(stage === undefined ? [] : [['Under way', describeStage(stage)] satisfies [string, string]]),
    ];
    const rows: [string, string][] = [
      ['Run', run],
      ['State', state],
      ...(predictsWith === undefined ? progress : [['Predicts with', predictsWith] satisfies [string, string]]),
      ...waitsFor.map((call): [string, string] => ['Waits for', describeCall(call)]),
      ...status.openWorkflows.map((id): [string, string] => ['Open workflow', id]),
      ...failures.map((failure): [string, string] => ['Failed', printableLine(failure)]),
    ];
    return { json: statusJson({ ...status, waitsFor }), show: (out) => out.facts(rows) };
  },
});
