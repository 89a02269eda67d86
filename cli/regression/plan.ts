import { defineCommand, UsageError } from '../command.ts';
import { readJsonText } from '../framework/files.ts';
import type { Report } from '../framework/report.ts';

const PATH = ['regression', 'plan'];

/** `colonies regression plan` */
export const regressionPlan = defineCommand({
  describe: 'Show what a training would cost and who would learn what, without asking anybody',
  details:
    'Sizes, slots, bytes and expected time follow from the request, the number of rows and the columns of each party; how fast this machine is, is measured for some seconds.',
  options: {
    spec: { type: 'string', describe: 'the request, a JSON file', required: true },
    rows: { type: 'number', describe: 'rows that all parties have', required: true, minimum: 1, maximum: 67_108_864 },
    columns: {
      type: 'string',
      list: true,
      describe: 'columns of each feature party, as <party>=<count> (default: 1 each)',
    },
  },
  examples: [
    ['regression plan --spec request.json --rows 100000 --columns x1=5,x2=8', 'before anybody starts a daemon'],
  ],
  async run({ spec: file, rows, columns }, context): Promise<Report> {
    const { loadRequest } = await import('../views/regression-request.ts');
    const { agreeOn } = await import('../../executors/regression/training.ts');
    const { planRun } = await import('../../executors/regression/plan.ts');
    const { measureSpeeds } = await import('../../executors/regression/speeds.ts');
    const { describeEngine } = await import('../../crypto/paillier/index.ts');
    const { planReport } = await import('../views/regression-plan.ts');
    const request = loadRequest(await readJsonText(context.io, file), file, undefined);
    const counts = countsOf(columns, request.features);
    const surveys = [request.label, ...request.features].map((party) => ({
      v: 1 as const,
      kind: 'survey' as const,
      party,
      rows,
      idsDigest: null,
      columns: party === request.label ? 0 : (counts.get(party) ?? 1),
    }));
    const { parameters } = agreeOn(request, surveys);
    const plan = planRun(parameters, await measureSpeeds(parameters.keyBits));
    return planReport(parameters, plan, describeEngine());
  },
});

function countsOf(columns: readonly string[], parties: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    columns.map((text): [string, number] => {
      const [, party = '', count = ''] = /^([^=]+)=([1-9]\d{0,3})$/u.exec(text) ?? [];
      if (parties.includes(party)) return [party, Number(count)];
      throw new UsageError(
        `--columns: expected <party>=<count> with one of ${parties.join(', ')}, got "${text.slice(0, 80)}"`,
        PATH,
      );
    }),
  );
}
