import { UserError } from '../../../colony/errors.ts';
import { defineCommand } from '../../command.ts';
import { confirm } from '../../framework/confirmation.ts';
import type { Connection } from '../../framework/context.ts';
import { memberKey, yesOption } from '../../framework/global-options.ts';
import { doneReport } from '../../framework/report.ts';
import { isWithin, normalizeLabel } from '../../views/files.ts';

const PATH = ['fs', 'label', 'remove'];

/** `colonies fs label remove` */
export const fsLabelRemove = defineCommand({
  describe: 'Let the colony forget all files of a label and of those below it',
  details: 'Files on this machine stay. Bytes that lie in S3 stay there.',
  positional: { label: { type: 'string', alias: 'l', describe: 'directory in the colony', required: true } },
  options: { ...yesOption, ...memberKey },
  examples: [['fs label remove /data/2025', 'asks before the files of 2025 are forgotten']],
  async run({ label: written, yes, prvkey }, context) {
    const label = normalizeLabel(written);
    const connection = await context.connect('member', { prvkey });
    const files = await filesWithin(connection, label);
    if (files.length === 0) throw new UserError(`label "${label}": unknown to the server`);
    const what = `${files.length} ${files.length === 1 ? 'file' : 'files'} with label "${label}"`;
    await confirm(`Remove ${what}?`, yes, context.io, PATH);
    const { client, colonyName } = connection;
    for (const file of files) await client.removeFile({ colonyName, fileId: '', ...file });
    return doneReport(`Removed ${what}`, { colonyName, label, files });
  },
});

async function filesWithin(
  { client, colonyName }: Connection,
  label: string,
): Promise<{ readonly label: string; readonly name: string }[]> {
  // Servers that match beginnings also find "/data2" for "/data".
  const found = await client.getFileLabels({ colonyName, name: label, exact: false });
  const labels = found.map(({ name }) => name).filter((name) => isWithin(name, label));
  const files: { label: string; name: string }[] = [];
  for (const within of labels) {
    const summaries = await client.getFiles({ colonyName, label: within });
    files.push(...summaries.map(({ name }) => ({ label: within, name })));
  }
  return files;
}
