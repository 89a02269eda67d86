import { defineCommand } from '../../command.ts';
import { memberKey } from '../../framework/global-options.ts';
import { tableReport } from '../../framework/report.ts';

/** `colonies fs label ls` */
export const fsLabelLs = defineCommand({
  describe: 'List the labels of the files in the colony',
  details: 'A label is the directory of a file. Every revision of a file is counted.',
  options: memberKey,
  examples: [['fs label ls', 'the directories, and how many revisions of files lie in each']],
  async run(args, context) {
    const { client, colonyName } = await context.connect('member', args);
    const labels = (await client.getFileLabels({ colonyName, name: '', exact: false })).toSorted((one, other) =>
      one.name < other.name ? -1 : 1,
    );
    return tableReport(
      labels.map(({ name, revisionCount }) => ({ name, files: revisionCount })),
      [{ title: 'LABEL', shrinks: true }, { title: 'FILES' }],
      labels.map(({ name, revisionCount }) => [name, String(revisionCount)]),
      'No labels found',
    );
  },
});
