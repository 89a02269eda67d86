import { defineCommand } from '../../command.ts';
import { confirm } from '../../framework/confirmation.ts';
import { memberKey, yesOption } from '../../framework/global-options.ts';
import { doneReport } from '../../framework/report.ts';

/** `colonies fs snapshot removeall` */
export const fsSnapshotRemoveAll = defineCommand({
  describe: 'Remove all snapshots of the colony; their files stay',
  options: { ...yesOption, ...memberKey },
  examples: [['fs snapshot removeall', 'asks before it removes them']],
  async run({ yes, prvkey }, context) {
    const path = ['fs', 'snapshot', 'removeall'];
    const { client, colonyName } = await context.connect('member', { prvkey });
    await confirm(`Remove all snapshots of colony "${colonyName}"?`, yes, context.io, path);
    await client.removeAllSnapshots({ colonyName });
    return doneReport(`Removed all snapshots of colony ${colonyName}`, { colonyName });
  },
});
