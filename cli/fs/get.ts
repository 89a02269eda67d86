import { resolve } from 'node:path';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { lineReport } from '../framework/report.ts';
import { fileOptions, filesToWire, findRevisions, readFileKey } from '../views/files.ts';

/** `colonies fs get` */
export const fsGet = defineCommand({
  describe: 'Fetch a file into a directory of this machine',
  details:
    'The newest revision, or the one with --fileid. A local file of that name is replaced, once all bytes have come and are right; only you may read it. Prints the path.',
  options: {
    ...fileOptions,
    dir: { type: 'string', alias: 'd', describe: 'directory of this machine, made where missing', default: '.' },
    ...memberKey,
  },
  examples: [['fs get -l /data -n patients.csv -d data', 'the newest revision as data/patients.csv']],
  stopsItself: true,
  async run(args, context) {
    const { openFileTransfer } = await import('../views/file-transfer.ts');
    const key = readFileKey(args, ['fs', 'get']);
    const connection = await context.connect('member', args);
    const [file] = await findRevisions(connection.client, connection.colonyName, key, {
      latest: true,
      signal: context.io.signal,
    });
    const transfer = await openFileTransfer(connection, context);
    const path = await transfer.download(file, resolve(context.io.cwd, args.dir));
    return lineReport(path, { path, file: filesToWire([file])[0] });
  },
});
