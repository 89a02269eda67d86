import type { Io } from './io.ts';
import { type Column, drawTable, type TableStyle } from './table.ts';
import { printable } from './text.ts';

/** Standard output, for data. */
export interface Terminal {
  /** One line of text. */
  line(text: string): void;
  /** A table with a title row; prints `empty` on standard error instead when there are no rows. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[], empty?: string): void;
  /** Names and values, one pair per row. */
  facts(rows: readonly (readonly [name: string, value: string])[]): void;
}

/** Opens standard output: boxes on a terminal (`COLONIES_CLI_ASCII=true`: of plain characters), aligned text elsewhere. */
export function openTerminal(io: Io): Terminal {
  const isTerminal = io.stdout.isTTY === true;
  const style: TableStyle = isTerminal ? (io.env['COLONIES_CLI_ASCII'] === 'true' ? 'ascii' : 'rounded') : 'plain';
  const draw = (columns: readonly Column[], rows: readonly (readonly string[])[]): unknown =>
    io.stdout.write(drawTable(columns, rows, style, isTerminal ? io.stdout.columns : undefined));
  return {
    line: (text) => void io.stdout.write(`${printable(text)}\n`),
    table(columns, rows, empty) {
      if (rows.length === 0 && empty !== undefined) io.stderr.write(`${empty}\n`);
      else draw(columns, rows);
    },
    facts: (rows) => void draw([{ title: '' }, { title: '', shrinks: true }], rows),
  };
}
