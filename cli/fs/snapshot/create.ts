import { defineCommand } from '../../command.ts';
import { memberKey } from '../../framework/global-options.ts';
import { madeReport } from '../../framework/report.ts';
import { normalizeLabel } from '../../views/files.ts';

/** `colonies fs snapshot create` */
export const fsSnapshotCreate = defineCommand({
  describe: 'Name the present state of the files of a label and of those below it',
  details: 'Later changes of the files do not change the snapshot. Prints the id of the snapshot.',
  options: {
    label: { type: 'string', alias: 'l', describe: 'directory in the colony', required: true },
    snapshotname: { type: 'string', alias: 'n', describe: 'name, unique in the colony', required: true },
    ...memberKey,
  },
  examples: [['fs snapshot create -l /data -n before-cleaning', 'for "fs snapshot download" later']],
  async run(args, context) {
    const { Snapshot } = await import('../../../colony/messages/files.ts');
    const { toWire } = await import('../../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const label = normalizeLabel(args.label);
    const snapshot = await client.createSnapshot({ colonyName, label, name: args.snapshotname });
    return madeReport(`Snapshot created: ${snapshot.name}`, snapshot.snapshotId, toWire(Snapshot, snapshot));
  },
});
