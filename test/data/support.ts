import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseDataConfig } from '../../data/config.ts';
import { openDataset, type Dataset } from '../../data/dataset.ts';
import { formatDecimal } from '../../data/decimal.ts';
import { DataError } from '../../data/errors.ts';
import { type Grouping, summarise as summariseAll, type Summary, type SummaryOptions } from '../../data/summary.ts';

const hospitalFolder = new URL('../../workflows/hospital-statistics/', import.meta.url);

/** The four hospitals of the heart-disease data set. */
export const hospitals = ['cleveland', 'hungarian', 'switzerland', 'va'] as const;

/** A folder that exists while a test runs. */
export async function temporaryFolder(): Promise<{ path: (name: string) => string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sealed-colonies-data-'));
  return { path: (name) => join(folder, name), remove: () => rm(folder, { recursive: true }) };
}

/** The path of a hospital's CSV file. */
export function hospitalCsv(hospital: string): string {
  return fileURLToPath(new URL(`data/heart_${hospital}.csv`, hospitalFolder));
}

const expectedColumn = z.object({ n: z.int(), missing: z.int(), sum: z.number(), sumsq: z.number() });
const expectedHospital = z.object({ rows: z.int(), columns: z.record(z.string(), expectedColumn) });
const expectedFile = z.object({ hospitals: z.record(z.enum(hospitals), expectedHospital) });

/** The published results for every column of one hospital. */
export async function expectedResults(hospital: (typeof hospitals)[number]): Promise<z.output<typeof expectedHospital>> {
  const text = await readFile(new URL('expected.json', hospitalFolder), 'utf8');
  return expectedFile.parse(JSON.parse(text)).hospitals[hospital];
}

/** The expected results in the form of {@link plainSummary}. */
export function plainExpectation({ n, missing, sum, sumsq }: z.output<typeof expectedColumn>): PlainSummary {
  return { count: n, missing, sum: String(sum), sumOfSquares: String(sumsq) };
}

interface PlainSummary {
  count: number;
  missing: number;
  sum: string;
  sumOfSquares: string;
}

/** A summary with decimal text, easy to compare and read. */
export function plainSummary({ count, missing, sum, sumOfSquares }: Summary): PlainSummary {
  return { count, missing, sum: formatDecimal(sum), sumOfSquares: formatDecimal(sumOfSquares) };
}

/** Opens a data set from a configuration as an operator writes it. */
export async function openConfigured(config: unknown): Promise<Dataset> {
  return await openDataset(parseDataConfig(config, { name: 'test.json', baseDirectory: tmpdir() }));
}

/** Writes a CSV file and opens it with all its columns allowed. */
export async function openCsv(
  path: string,
  content: string | Buffer,
  options: Record<string, unknown> = {},
): Promise<Dataset> {
  await writeFile(path, content);
  const offer = { columns: '*', groupColumns: ['ward'], minimumRows: 1 };
  return await openConfigured({ source: { kind: 'csv', path, ...options }, ...offer });
}

/** The DataError with which `action` must fail. */
export async function dataErrorOf(action: () => unknown): Promise<DataError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
  throw new Error('expected a DataError, but nothing was thrown');
}

/** A column of a table or of a query's result. */
interface ColumnSelection {
  readonly query?: string | undefined;
  readonly column?: string | undefined;
}

/** The summary of one column. */
export async function summarise(
  dataset: Dataset,
  { query, column }: ColumnSelection,
  options: SummaryOptions = {},
): Promise<Summary> {
  const columns = column === undefined ? undefined : [column];
  const [[summary] = []] = await summariseAll(dataset, { query, columns }, options);
  if (summary === undefined) throw new Error('expected one summary, got none');
  return summary;
}

/** The summaries of the groups of one column. */
export async function summariseGroups(
  dataset: Dataset,
  { query, column }: ColumnSelection,
  grouping: Grouping,
  options: SummaryOptions = {},
): Promise<Summary[]> {
  const columns = column === undefined ? undefined : [column];
  const [summaries = []] = await summariseAll(dataset, { query, columns, grouping }, options);
  return summaries;
}
