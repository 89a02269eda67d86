import { resolve } from 'node:path';
import {
  type DevelopmentColony,
  developmentDirectory,
  loadDevelopmentColony,
} from '../../colony/development-colony.ts';
import { UserError } from '../../colony/errors.ts';
import type { BackupFacts } from '../../server/store/backup-file.ts';
import { defineCommand } from '../command.ts';

/** `colonies server restore` */
export const serverRestore = defineCommand({
  describe: 'Put a backup in the place of the database of an embedded server that is stopped',
  details: [
    'The backup is checked first, and stays as it is. A database that is there is replaced with --force only, and kept beside it under another name.',
    'What happened after the backup is gone: processes that ran then are given out again.',
  ].join('\n'),
  positional: {
    file: { type: 'string', describe: 'a backup by "colonies server backup"', required: true },
  },
  options: {
    datadir: {
      type: 'string',
      describe: 'directory of keys and database (default: $SEALED_COLONIES_HOME or ~/.sealed-colonies)',
    },
    force: { type: 'boolean', describe: 'replace the database that is there' },
    incomplete: { type: 'boolean', describe: 'go on without blobs that are missing or damaged' },
  },
  examples: [['server restore monday.db --force', 'back to what the server was on Monday']],
  async run({ file, datadir, force, incomplete }, { io }) {
    const directory = datadir === undefined ? developmentDirectory(io.env) : resolve(io.cwd, datadir);
    const colony = loadDevelopmentColony(directory);
    if (colony === undefined) {
      throw new UserError(
        `${directory}: expected development.json with the keys of the colony in the backup, got none; put a copy of it there first`,
      );
    }
    const { restoreBackup } = await import('../../server/store/backup-file.ts');
    const { facts, missingBlobCount, kept } = restoreBackup({
      source: resolve(io.cwd, file),
      target: colony.databasePath,
      force,
      incomplete,
      approve: (found) => requireColony(found, colony),
    });
    const { byteCount, processCount } = facts;
    const blobCount = facts.blobs.length - missingBlobCount;
    return {
      json: { path: colony.databasePath, byteCount, processCount, blobCount, missingBlobCount, kept: kept ?? null },
      show: (out) =>
        out.facts([
          ['Database', colony.databasePath],
          ['Bytes', String(byteCount)],
          ['Processes', String(processCount)],
          ['Blobs', String(blobCount)],
          ['Former', kept ?? '-'],
        ]),
    };
  },
});

/** With a database of other keys the server would not start. */
function requireColony({ colonies }: BackupFacts, { colonyName, colonyIdentity, directory }: DevelopmentColony): void {
  const known = colonies.find(({ name }) => name === colonyName);
  if (known === undefined || known.id === colonyIdentity.id) return;
  throw new UserError(
    `server restore: expected a backup of the colony whose keys are in ${directory}, got one of another colony "${colonyName}"; put the development.json that belongs to the backup there first`,
  );
}
