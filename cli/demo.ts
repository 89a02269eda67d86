import * as z from 'zod';
import { defineCommand } from './command.ts';
import { expectedFigures, type Figures, SUM_WORKFLOW, writeHospitals, writeStatisticsWorkflow } from './demo/heart.ts';
import { showRegression } from './demo/regression.ts';
import { Stage } from './demo/stage.ts';
import type { Context } from './framework/context.ts';

const CLOUD = { executorType: 'cloud-hospital-executor', words: ['cloud'] };

/** `colonies demo` */
export const demo = defineCommand({
  describe: 'Show parties computing together what none of them could alone',
  details:
    'Starts a server and daemons as processes of their own in a temporary directory, and ends all of them. "hospitals" computes a sum and statistics of patients, "regression" trains a model between parties that hold different columns.',
  positional: {
    topic: { type: 'string', describe: 'what to show', default: 'hospitals', choices: ['hospitals', 'regression'] },
  },
  options: {
    column: { type: 'string', default: 'chol', describe: 'column of the heart-disease data to compute on' },
    bits: {
      type: 'number',
      default: 3072,
      minimum: 2048,
      maximum: 6144,
      describe: 'length of the Paillier key in bits',
    },
  },
  examples: [
    ['demo --column age', 'compute on the age of the patients'],
    ['demo regression', 'three parties train y = 31·x1 − 5.5·x2'],
  ],
  stopsItself: true,
  async run({ topic, column, bits }, context) {
    const startedAt = performance.now();
    const say = (message: string): void =>
      context.say(`[${((performance.now() - startedAt) / 1000).toFixed(1)} s] ${message}`);
    const expected = topic === 'hospitals' ? await expectedFigures(column) : undefined;
    await using stage = await Stage.open(context.io.env, { signal: context.io.signal, note: context.note });
    const json =
      expected === undefined
        ? await showRegression(stage, bits, say, context)
        : await showHospitals(stage, { column, bits, expected }, say, context);
    say('ending everything that was started');
    return context.flags.json ? { json, show: () => undefined } : undefined;
  },
});

interface HospitalDemo {
  readonly column: string;
  readonly bits: number;
  readonly expected: Figures;
}

async function showHospitals(stage: Stage, { column, bits, expected }: HospitalDemo, say: Say, context: Context) {
  const sum = await showSum(stage, bits, say, context);
  const statistics = await showStatistics(stage, column, expected, say, context);
  showWhoLearnedWhat(context);
  return { sum, statistics };
}

type Say = (message: string) => void;

/** The tutorial: 55 + 5 under encryption. */
async function showSum(stage: Stage, bits: number, say: Say, context: Context): Promise<string> {
  say('starting the embedded server, two hospitals and the cloud, each as a process of its own');
  await stage.startServer();
  await stage.startExecutors([
    { executorType: 'r1-hospital_executor', words: ['hospital', 'r1-hospital_executor', '55'] },
    { executorType: 'r2-hospital_executor', words: ['hospital', 'r2-hospital_executor', '5'] },
    CLOUD,
  ]);
  say(`generating a Paillier key of ${bits} bits`);
  await stage.run(['keys', 'generate', '--bits', String(bits)]);
  say('submitting workflows/hospital-sum/workflow.json and waiting for the cloud');
  const processId = await submit(stage, SUM_WORKFLOW);
  const text = await stage.run(['decrypt', processId]);
  if (!context.flags.json) context.io.stdout.write(`${text}\n`);
  const sum = /-?\d+$/u.exec(text)?.[0];
  if (sum !== '60') throw new Error('demo: expected the sum 60, got another one');
  return sum;
}

const Row = z.object({
  column: z.string(),
  count: z.number(),
  sum: z.number(),
  mean: z.number(),
  variance: z.number(),
});
const PublicFacts = z.looseObject({ keyId: z.string() });
const Decrypted = z.looseObject({ rows: z.array(Row).length(1) });

/** Real data: four hospitals, one column. */
async function showStatistics(
  stage: Stage,
  column: string,
  expected: Figures,
  say: Say,
  context: Context,
): Promise<z.output<typeof Row>> {
  say('starting the hospitals of Cleveland, Budapest, Zurich and Basel, and Long Beach, which accept that key only');
  const { keyId } = PublicFacts.parse(JSON.parse(await stage.run(['keys', 'show', '--json'])));
  const hospitals = await writeHospitals(stage.directory, keyId);
  await stage.startExecutors(
    hospitals.map(({ executorType, configPath }) => ({
      executorType,
      words: ['hospital', executorType, '--config', configPath],
    })),
  );
  say(`submitting workflows/hospital-statistics/workflow.json for the column ${column}`);
  const processId = await submit(stage, await writeStatisticsWorkflow(column, stage.directory));
  const [row] = Decrypted.parse(JSON.parse(await stage.run(['decrypt', processId, '--json']))).rows;
  if (row === undefined) throw new Error('demo: expected one row of statistics, got none');
  if (!context.flags.json) context.print(figuresReport(column, row, expected));
  requireAgreement(row, expected);
  say('the figures agree with those that an independent program computed in the clear');
  return row;
}

const Submitted = z.looseObject({ resultProcessId: z.string() });

async function submit(stage: Stage, spec: string): Promise<string> {
  const printed = await stage.run(['workflow', 'submit', '--spec', spec, '--wait', '--json']);
  return Submitted.parse(JSON.parse(printed)).resultProcessId;
}

function figuresReport(column: string, row: z.output<typeof Row>, expected: Figures) {
  return {
    json: row,
    show: (terminal: Context['talk']) =>
      terminal.table(
        [{ title: `${column}, all four hospitals` }, { title: 'decrypted' }, { title: 'in the clear' }],
        besideEachOther(row, expected).map(([name, got, want]) => [name, show(got), show(want)]),
      ),
  };
}

/** What was decrypted beside what was computed in the clear. */
function besideEachOther(row: z.output<typeof Row>, expected: Figures) {
  return [
    ['patients with a value', row.count, expected.n],
    ['sum', row.sum, expected.sum],
    ['mean', row.mean, expected.mean],
    ['variance', row.variance, expected.var],
  ] as const;
}

function show(value: number): string {
  return String(Number(value.toFixed(6)));
}

const RELATIVE_TOLERANCE = 1e-9;

function requireAgreement(row: z.output<typeof Row>, expected: Figures): void {
  const agrees = besideEachOther(row, expected).every(
    ([, got, want]) => Math.abs(got - want) <= RELATIVE_TOLERANCE * Math.max(1, Math.abs(want)),
  );
  if (agrees) return;
  throw new Error('demo: expected the decrypted figures to agree with those computed in the clear');
}

function showWhoLearnedWhat(context: Context): void {
  if (context.flags.json) return;
  const rows = [
    ['each hospital', 'which column was asked', "the other hospitals' figures"],
    ['the cloud', 'that four hospitals answered', 'any figure, the private key'],
    ['the server', 'who took part, when, ciphertexts', 'any figure, the private key'],
    ['holder of the private key', 'count, sum and variance over all', "one hospital's figures"],
  ];
  context.print({
    json: rows,
    show: (terminal) => terminal.table([{ title: 'party' }, { title: 'learned' }, { title: 'never saw' }], rows),
  });
}
