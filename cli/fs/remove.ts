import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';
import { describeKey, fileOptions, findRevisions, readFileKey } from '../views/files.ts';

/** `colonies fs remove` */
export const fsRemove = defineCommand({
  describe: 'Let the colony forget a revision of a file, or a file with all its revisions',
  details: 'Files on this machine stay. Bytes that lie in S3 stay there.',
  options: { ...fileOptions, ...memberKey },
  examples: [
    ['fs remove -l /data -n patients.csv', 'the file with all its revisions'],
    ['fs remove -i <fileid>', 'one revision, as "fs info" lists them'],
  ],
  async run(args, context) {
    const key = readFileKey(args, ['fs', 'remove']);
    const { client, colonyName } = await context.connect('member', args);
    // Servers say nothing about files that they do not have.
    await findRevisions(client, colonyName, key, { latest: true });
    await client.removeFile({ colonyName, ...key });
    const what = describeKey(key);
    return doneReport(`F${what.slice(1)} removed`, { colonyName, ...key });
  },
});
