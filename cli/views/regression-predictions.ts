import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Terminal } from '../framework/terminal.ts';

/** Predictions as the party with the labels keeps them. */
export interface Predictions {
  readonly file: string;
  /** Names of the columns: `row`, `label` where it is known, and what is predicted. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Reads a party's predictions of a run, if it has any. */
export async function readPredictions(directory: string): Promise<Predictions | undefined> {
  const file = join(directory, 'predictions.csv');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const [columns = [], ...rows] = text.trimEnd().split('\n').map(cellsOf);
  return { file, columns, rows };
}

/** The cells of a line (RFC 4180) of which none holds a line break. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/gu)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
  );
}

const MOST_SHOWN = 10;
const SHOWN_DIGITS = 6;

/** Shows the first predictions, and where all of them are. */
export function showPredictions(out: Terminal, { file, columns, rows }: Predictions): void {
  const titles = columns.map((name) => ({ title: name.replaceAll('_', ' ').toUpperCase() }));
  const shown = rows.slice(0, MOST_SHOWN).map(([row = '', ...numbers]) => [row, ...numbers.map(shortened)]);
  out.table(titles, shown);
  out.line(rows.length > shown.length ? `all ${rows.length} predictions: ${file}` : `predictions: ${file}`);
}

function shortened(text: string): string {
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? text : String(Number(value.toPrecision(SHOWN_DIGITS)));
}
