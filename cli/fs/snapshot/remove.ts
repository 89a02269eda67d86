import { defineCommand } from '../../command.ts';
import { memberKey } from '../../framework/global-options.ts';
import { doneReport } from '../../framework/report.ts';
import { describeSnapshot, findSnapshot, readSnapshotKey, snapshotOptions } from '../../views/snapshots.ts';

/** `colonies fs snapshot remove` */
export const fsSnapshotRemove = defineCommand({
  describe: 'Remove a snapshot; its files stay',
  options: { ...snapshotOptions, ...memberKey },
  examples: [['fs snapshot remove -n before-cleaning', 'the files of the label are not touched']],
  async run(args, context) {
    const key = readSnapshotKey(args, ['fs', 'snapshot', 'remove']);
    const { client, colonyName } = await context.connect('member', args);
    // Servers do not mind when there is nothing to remove; whoever has mistyped a name does.
    await findSnapshot(client, colonyName, key);
    await client.removeSnapshot({ colonyName, ...key });
    return doneReport(`S${describeSnapshot(key).slice(1)} removed`, { colonyName, ...key });
  },
});
