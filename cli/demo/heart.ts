import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { UsageError } from '../command.ts';

/** The four hospitals of the heart-disease data, and what an independent computation found for them. */

/** The directory of this package. */
export const PACKAGE = dirname(createRequire(import.meta.url).resolve('sealed-colonies/package.json'));
const FOLDER = join(PACKAGE, 'workflows', 'hospital-statistics');

/** The workflow of the tutorial: two hospitals, one number each. */
export const SUM_WORKFLOW = join(PACKAGE, 'workflows', 'hospital-sum', 'workflow.json');

const HEART_HOSPITALS = ['cleveland', 'hungarian', 'switzerland', 'va'] as const;

/**
 * Writes a configuration for each hospital that accepts one public key only; gives the executor types with their files.
 *
 * @param keyId id of the public key whose holder may read the answers
 */
export async function writeHospitals(
  directory: string,
  keyId: string,
): Promise<readonly { readonly executorType: string; readonly configPath: string }[]> {
  return Promise.all(
    HEART_HOSPITALS.map(async (name) => {
      const source = { kind: 'csv', path: join(FOLDER, 'data', `heart_${name}.csv`) };
      const configPath = join(directory, `${name}.json`);
      await writeFile(configPath, JSON.stringify({ source, columns: '*', acceptedKeys: [keyId] }));
      return { executorType: `${name}-hospital`, configPath };
    }),
  );
}

const Figures = z.object({ n: z.number(), sum: z.number(), mean: z.number(), var: z.number() });
/** Count, sum, mean and population variance of a column. */
export type Figures = z.output<typeof Figures>;

const Expected = z.object({ total: z.object({ columns: z.record(z.string(), Figures) }) });

/**
 * The figures of a column over all four hospitals, computed in the clear by another program.
 *
 * @throws UsageError when the data has no such column
 */
export async function expectedFigures(column: string): Promise<Figures> {
  const { columns } = Expected.parse(JSON.parse(await readFile(join(FOLDER, 'expected.json'), 'utf8'))).total;
  const figures = Object.hasOwn(columns, column) ? columns[column] : undefined;
  if (figures !== undefined) return figures;
  throw new UsageError(`--column: expected one of ${Object.keys(columns).join(', ')}, got ${JSON.stringify(column)}`, [
    'demo',
  ]);
}

const Workflow = z.array(z.looseObject({ kwargs: z.record(z.string(), z.unknown()) }));

/** Writes the statistics workflow for another column into a directory; gives the file's path. */
export async function writeStatisticsWorkflow(column: string, directory: string): Promise<string> {
  const nodes = Workflow.parse(JSON.parse(await readFile(join(FOLDER, 'workflow.json'), 'utf8')));
  const changed = nodes.map((node) => ({ ...node, kwargs: { ...node.kwargs, columns: [column] } }));
  const path = join(directory, 'hospital-statistics.json');
  await writeFile(path, JSON.stringify(changed, null, 2));
  return path;
}
