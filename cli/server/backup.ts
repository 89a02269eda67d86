import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';

/** `colonies server backup` */
export const serverBackup = defineCommand({
  describe: 'Copy the database of a running embedded server into a file; needs the key of the server',
  details: [
    'The server goes on working meanwhile. The copy is the state of one moment; it is checked before it gets its name. Blobs go into <file>.blobs beside it, those that are there already are not copied again.',
    'Whoever has the file reads every process, so only its owner may. The keys of the colony are not in it: keep a copy of development.json, too.',
  ].join('\n'),
  positional: {
    file: { type: 'string', describe: 'where to write the backup', required: true },
  },
  options: {
    force: { type: 'boolean', describe: 'replace a file that exists' },
    ...serverKey,
  },
  examples: [
    ['server backup monday.db', 'the server of this colony as it is now'],
    ['server restore monday.db --force', 'back to that, while the server is stopped'],
  ],
  stopsItself: true,
  async run(args, context) {
    const path = resolve(context.io.cwd, args.file);
    if (existsSync(path) && !args.force) {
      throw new UserError(`${path}: expected no file, got one; replace it with --force, or choose another name`);
    }
    const { client, environment } = await context.connect('server', args);
    const { requireServerIdentity } = await import('../../colony/environment.ts');
    const { saveBackup } = await import('../views/backup.ts');
    const identity = requireServerIdentity(environment);
    const saved = await saveBackup(client.server, identity, path, context.io.signal);
    const { byteCount, processCount, blobs, missingBlobs, sha256 } = saved;
    const [blobCount, missingBlobCount] = [blobs.length - missingBlobs.length, missingBlobs.length];
    if (missingBlobCount > 0) {
      const digests = missingBlobs.slice(0, 3).map(({ digest }) => `sha256:${digest}`);
      context.say(
        `warning: the server has lost or damaged ${missingBlobCount} of its ${blobs.length} blobs, which are not in the backup: ${digests.join(', ')}${missingBlobCount > 3 ? ', …' : ''}; whoever has their bytes can upload them again`,
      );
    }
    return {
      json: { path, byteCount, processCount, blobCount, missingBlobCount, sha256 },
      show: (out) =>
        out.facts([
          ['Backup', path],
          ['Bytes', String(byteCount)],
          ['Processes', String(processCount)],
          ['Blobs', String(blobCount)],
          ['Sha256', sha256],
        ]),
    };
  },
});
