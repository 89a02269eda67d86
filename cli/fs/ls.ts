import type { ColonyFile } from '../../colony/messages/files.ts';
import { defineCommand } from '../command.ts';
import type { Connection } from '../framework/context.ts';
import { memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';
import { filesToWire, findRevisions, formatSize, labelOption, normalizeLabel } from '../views/files.ts';

/** `colonies fs ls` */
export const fsLs = defineCommand({
  describe: 'List the files of a label, or of all labels',
  details: 'Files in labels below are listed with those, see "fs label ls". With --json, the newest revision of each.',
  options: { ...labelOption, ...memberKey },
  examples: [['fs ls -l /data', 'the files right in /data, with their sizes and how often each was replaced']],
  async run(args, context) {
    const connection = await context.connect('member', args);
    const labels = args.label === undefined ? await allLabels(connection) : [normalizeLabel(args.label)];
    const files = (await Promise.all(labels.map((label) => listFiles(connection, label)))).flat();
    return tableReport(
      filesToWire(files.map(([newest]) => newest)),
      [
        { title: 'FILENAME', shrinks: true },
        ...(args.label === undefined ? [{ title: 'LABEL', shrinks: true }] : []),
        { title: 'SIZE' },
        { title: 'LATEST ID' },
        { title: 'ADDED (UTC)' },
        { title: 'REVISIONS' },
      ],
      files.map(([newest, ...older]) => [
        newest.name,
        ...(args.label === undefined ? [newest.label] : []),
        formatSize(newest.sizeBytes),
        newest.fileId,
        formatTime(newest.added),
        String(1 + older.length),
      ]),
      'No files found',
    );
  },
});

async function allLabels({ client, colonyName }: Connection): Promise<string[]> {
  const labels = await client.getFileLabels({ colonyName, name: '', exact: false });
  return labels.map(({ name }) => name).toSorted();
}

/** The files right in a label, each with all its revisions, newest first. */
async function listFiles(
  { client, colonyName }: Connection,
  label: string,
): Promise<(readonly [ColonyFile, ...ColonyFile[]])[]> {
  const { mapInBatches } = await import('../../colony/batches.ts');
  const names = (await client.getFiles({ colonyName, label })).map(({ name }) => name).toSorted();
  return mapInBatches(names, (name) => findRevisions(client, colonyName, { fileId: '', label, name }));
}
