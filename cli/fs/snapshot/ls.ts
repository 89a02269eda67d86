import { defineCommand } from '../../command.ts';
import { memberKey } from '../../framework/global-options.ts';
import { tableReport } from '../../framework/report.ts';
import { formatTime } from '../../framework/text.ts';

/** `colonies fs snapshot ls` */
export const fsSnapshotLs = defineCommand({
  describe: 'List the snapshots of the colony, newest first',
  options: memberKey,
  examples: [['fs snapshot ls', 'their names, and how many files are in each']],
  async run(args, context) {
    const { Snapshot } = await import('../../../colony/messages/files.ts');
    const { listToWire } = await import('../../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const snapshots = await client.getSnapshots({ colonyName });
    return tableReport(
      listToWire(Snapshot, snapshots),
      [
        { title: 'NAME', shrinks: true },
        { title: 'SNAPSHOTID' },
        { title: 'LABEL', shrinks: true },
        { title: 'FILES' },
        { title: 'ADDED (UTC)' },
      ],
      snapshots.map(({ name, snapshotId, label, fileIds, added }) => [
        name,
        snapshotId,
        label,
        String(fileIds.length),
        formatTime(added),
      ]),
      'No snapshots found',
    );
  },
});
