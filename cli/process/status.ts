import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { lineReport } from '../framework/report.ts';
import { colonyNameOption } from '../views/pausing.ts';

/** `colonies process status` */
export const processStatus = defineCommand({
  describe: 'Say whether the colony hands out processes or is paused',
  options: { ...colonyNameOption, ...memberKey },
  examples: [['process status', 'active, or paused by "process pause"']],
  async run(args, context) {
    const { client, colonyName } = await context.connect('member', args);
    const { isPaused } = await client.getPauseStatus({ colonyName });
    return lineReport(isPaused ? 'paused' : 'active', { colonyName, isPaused });
  },
});
