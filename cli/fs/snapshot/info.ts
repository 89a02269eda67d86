import type { ColoniesClient } from '../../../colony/client.ts';
import type { Snapshot } from '../../../colony/messages/files.ts';
import { UserError } from '../../../colony/errors.ts';
import { defineCommand } from '../../command.ts';
import { memberKey } from '../../framework/global-options.ts';
import { formatMoment, formatTime } from '../../framework/text.ts';
import { findRevisions, formatSize } from '../../views/files.ts';
import { findSnapshot, readSnapshotKey, snapshotOptions } from '../../views/snapshots.ts';

/** `colonies fs snapshot info` */
export const fsSnapshotInfo = defineCommand({
  describe: 'Print everything about a snapshot, and its files',
  options: { ...snapshotOptions, ...memberKey },
  examples: [['fs snapshot info -n before-cleaning', 'which revision of which file it holds']],
  async run(args, context) {
    const { Snapshot: codec } = await import('../../../colony/messages/files.ts');
    const { toWire } = await import('../../views/wire.ts');
    const key = readSnapshotKey(args, ['fs', 'snapshot', 'info']);
    const { client, colonyName } = await context.connect('member', args);
    const snapshot = await findSnapshot(client, colonyName, key);
    const rows = context.flags.json ? [] : await describeFiles(client, snapshot);
    return {
      json: toWire(codec, snapshot),
      show(out, talk) {
        out.facts([
          ['SnapshotId', snapshot.snapshotId],
          ['Name', snapshot.name],
          ['Label', snapshot.label],
          ['Colony', snapshot.colonyName],
          ['Added', formatMoment(snapshot.added)],
        ]);
        if (rows.length === 0) {
          talk.line('No files in the snapshot');
          return;
        }
        out.line('');
        out.table(
          [
            { title: 'FILENAME', shrinks: true },
            { title: 'LABEL', shrinks: true },
            { title: 'SIZE' },
            { title: 'FILEID' },
            { title: 'ADDED (UTC)' },
          ],
          rows,
        );
      },
    };
  },
});

async function describeFiles(client: ColoniesClient, { colonyName, fileIds }: Snapshot): Promise<string[][]> {
  const { mapInBatches } = await import('../../../colony/batches.ts');
  return mapInBatches(fileIds, async (fileId) => {
    try {
      const [{ name, label, sizeBytes, added }] = await findRevisions(client, colonyName, {
        fileId,
        label: '',
        name: '',
      });
      return [name, label, formatSize(sizeBytes), fileId, formatTime(added)];
    } catch (thrown) {
      // A file that was removed since leaves its id behind.
      if (thrown instanceof UserError) return ['(removed)', '', '', fileId, ''];
      throw thrown;
    }
  });
}
