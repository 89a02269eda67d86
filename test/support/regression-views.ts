import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from '../../colony/worker.ts';
import { parseThetas, type RegressionStage } from './regression-daemons.ts';

/** Tables for tests of what is seen of a run, and what is looked for in what was seen. */

/** Rows of these tables. */
const ROWS = 120;

/** Reproducible numbers with many digits, so that none of them stands in a text by chance. */
function* randomNumbers(seed: number): Generator<number> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield (state / 2 ** 32 - 0.5) * 7.7 + 1e-9 * (state % 997);
  }
}

/** A column of reproducible numbers. */
export function column(seed: number): number[] {
  const numbers = randomNumbers(seed);
  return Array.from({ length: ROWS }, () => numbers.next().value ?? 0);
}

/** Columns of each party. */
export const COLUMNS = 20;

/** Tables of two parties with many columns, and labels, all turned by a reflection that keeps their second moments. */
export async function startReflected(
  stage: RegressionStage,
  party: string,
  seed: number,
  direction: readonly number[],
): Promise<Worker> {
  const names = Array.from({ length: COLUMNS }, (_, index) => `${party}c${index}`);
  const columns = new Map(names.map((name, index) => [name, reflect(column(seed + index), direction)]));
  const source = await stage.writeTable(`${party}-${direction[0]}.csv`, columns);
  return party === 'y' ? stage.startLabel('y', { source, columns: ['yc0'] }) : stage.startFeature(party, { source });
}

/** x − 2v(v·x)/(v·v): keeps all products of columns, and changes every row. */
function reflect(values: readonly number[], direction: readonly number[]): number[] {
  const factor = (2 * dot(values, direction)) / dot(direction, direction);
  return values.map((value, row) => value - factor * (direction[row] ?? 0));
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

/** All files below a directory. */
export async function contentsOf(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** Pearson's statistic of bytes against uniform ones: 255 degrees of freedom. */
export function chiSquare(bytes: Buffer): number {
  const counts = Array.from({ length: 256 }, () => 0);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  const expected = bytes.length / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** The sums that a party learned in a run, by column and iteration. */
export async function gradientSumsOf(stage: RegressionStage, party: string, run: string): Promise<number[]> {
  return parseThetas(await stage.fileOf(party, run, 'thetas.log')).map(({ sum }) => sum);
}
