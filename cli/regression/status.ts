import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { printableLine } from '../framework/text.ts';

/** `colonies regression status` */
export const regressionStatus = defineCommand({
  describe: 'Show how far a training is',
  positional: { run: { type: 'string', describe: 'name of the run', required: true } },
  options: memberKey,
  examples: [['regression status june', 'iterations done, and what has failed']],
  async run({ run, prvkey }, context) {
    const { requireStatus } = await import('../views/regression-run.ts');
    const { statusJson } = await import('../views/regression-follow.ts');
    const status = await requireStatus(await context.connect('member', { prvkey }), run);
    const { training, state, iterations, stopped, failures } = status;
    const planned = training === undefined ? '' : ` of ${training.parameters.iterations}`;
    const rows: [string, string][] = [
      ['Run', run],
      ['State', state],
      ['Iterations', `${iterations}${planned}${stopped === undefined ? '' : `, ${stopped}`}`],
      ['Mode', training?.parameters.mode ?? 'not agreed on yet'],
      ['Open workflows', status.openWorkflows.join(', ')],
      ...failures.map((failure): [string, string] => ['Failed', printableLine(failure)]),
    ];
    return { json: statusJson(status), show: (out) => out.facts(rows) };
  },
});
