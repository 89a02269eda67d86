import { resolve } from 'node:path';
import { UserError } from '../../../colony/errors.ts';
import type { ColonyFile, Snapshot } from '../../../colony/messages/files.ts';
import { defineCommand } from '../../command.ts';
import type { Connection } from '../../framework/context.ts';
import { memberKey } from '../../framework/global-options.ts';
import { findRevisions } from '../../views/files.ts';
import { directoriesBetween, isPlainName } from '../../views/safe-paths.ts';
import { findSnapshot, readSnapshotKey, snapshotOptions } from '../../views/snapshots.ts';

/** `colonies fs snapshot download` */
export const fsSnapshotDownload = defineCommand({
  describe: 'Fetch the files of a snapshot into a directory of this machine',
  details:
    'Labels below the one of the snapshot become directories. Local files of the same names are replaced. Prints the paths.',
  options: {
    ...snapshotOptions,
    dir: { type: 'string', alias: 'd', describe: 'directory of this machine, made where missing', required: true },
    ...memberKey,
  },
  examples: [['fs snapshot download -n before-cleaning -d old', 'the files as they were']],
  stopsItself: true,
  async run(args, context) {
    const { openFileTransfer } = await import('../../views/file-transfer.ts');
    const key = readSnapshotKey(args, ['fs', 'snapshot', 'download']);
    const connection = await context.connect('member', args);
    const snapshot = await findSnapshot(connection.client, connection.colonyName, key, context.io.signal);
    const files = await placeFiles(connection, snapshot, context.io.signal);
    const transfer = await openFileTransfer(connection, context);
    const directory = resolve(context.io.cwd, args.dir);
    const paths: string[] = [];
    for (const { file, directories } of files) paths.push(await transfer.download(file, directory, directories));
    return {
      json: { snapshotId: snapshot.snapshotId, directory, paths },
      show(out, talk) {
        for (const path of paths) out.line(path);
        talk.line(`Snapshot downloaded: ${snapshot.name}`);
      },
    };
  },
});

/** A file, and where it belongs below the directory. */
interface PlacedFile {
  readonly file: ColonyFile;
  readonly directories: readonly string[];
}

/** All files are looked at before any is fetched: half a snapshot is none. */
async function placeFiles(
  { client, colonyName }: Connection,
  { label, fileIds }: Snapshot,
  signal: AbortSignal,
): Promise<PlacedFile[]> {
  const { mapInBatches } = await import('../../../colony/batches.ts');
  return mapInBatches(fileIds, async (fileId) => {
    const [file] = await findRevisions(client, colonyName, { fileId, label: '', name: '' }, { signal });
    const directories = directoriesBetween(label, file.label);
    if (directories !== undefined && isPlainName(file.name)) return { file, directories };
    throw new UserError(
      `file ${fileId}: expected one below ${label}, got ${JSON.stringify(`${file.label}/${file.name}`)}; nothing was fetched`,
    );
  });
}
