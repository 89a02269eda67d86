import type { Cron } from '../../colony/messages/crons.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { formatDuration, formatMoment } from '../framework/text.ts';
import { describeSchedule } from '../views/crons.ts';
import { cronIdOf } from '../views/named.ts';

/** `colonies cron get` */
export const cronGet = defineCommand({
  describe: 'Print everything about a cron',
  positional: { cronid: { type: 'string', describe: 'id or name of the cron', required: true } },
  options: memberKey,
  examples: [['cron get <cronid>', 'when it runs next, and the workflow that it submits']],
  async run({ cronid: named, prvkey }, context) {
    const { Cron: codec } = await import('../../colony/messages/crons.ts');
    const { showWorkflowTemplate } = await import('../views/workflow-template.ts');
    const { toWire } = await import('../views/wire.ts');
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const cronId = await cronIdOf(connection, named);
    const cron = await client.getCron({ cronId }).catch(unknownToServer(`cron ${named}`));
    return {
      json: toWire(codec, cron),
      show(out) {
        out.facts(cronFacts(cron));
        showWorkflowTemplate(cron.workflowSpec, out);
      },
    };
  },
});

function cronFacts(cron: Cron): [string, string][] {
  return [
    ['CronId', cron.cronId],
    ['Name', cron.name],
    ['Colony', cron.colonyName],
    ['Initiator', cron.initiatorName || cron.initiatorId],
    ['Schedule', describeSchedule(cron)],
    ['NextRun', formatMoment(cron.nextRun)],
    ['LastRun', formatMoment(cron.lastRun)],
    ['PreviousWorkflowId', cron.previousWorkflowId || '-'],
    ['WaitForPrevious', cron.waitForPreviousWorkflow ? 'yes' : 'no'],
    ['CheckerPeriod', formatDuration(cron.checkerPeriodMs)],
  ];
}
