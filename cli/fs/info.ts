import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { formatTime } from '../framework/text.ts';
import { fileFacts, fileOptions, filesToWire, findRevisions, formatSize, readFileKey } from '../views/files.ts';

/** `colonies fs info` */
export const fsInfo = defineCommand({
  describe: 'Print what the colony knows of a file and its revisions',
  details: 'With --json, all revisions, newest first.',
  options: { ...fileOptions, ...memberKey },
  examples: [['fs info -l /data -n patients.csv', 'size, checksum and where its bytes lie']],
  async run(args, context) {
    const key = readFileKey(args, ['fs', 'info']);
    const { client, colonyName } = await context.connect('member', args);
    const revisions = await findRevisions(client, colonyName, key);
    const [newest, ...older] = revisions;
    return {
      json: filesToWire(revisions),
      show(out) {
        out.facts(fileFacts(newest));
        if (older.length === 0) return;
        out.line('');
        out.table(
          [{ title: 'OLDER REVISION' }, { title: 'SIZE' }, { title: 'ADDED (UTC)' }, { title: 'CHECKSUM' }],
          older.map(({ fileId, sizeBytes, added, checksum }) => [
            fileId,
            formatSize(sizeBytes),
            formatTime(added),
            checksum,
          ]),
        );
      },
    };
  },
});
