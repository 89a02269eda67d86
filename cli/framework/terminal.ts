import { type Io, type TextStream, widthOf } from './io.ts';
import { type Column, drawTable, type TableStyle } from './table.ts';
import { printable } from './text.ts';

/** A stream for people: standard output for data, standard error for talk. */
export interface Terminal {
  /** One line of text, or several. */
  line(text: string): void;
  /** A table with a title row; nothing when it has no rows. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  /** Names and values, one pair per row. */
  facts(rows: readonly (readonly [name: string, value: string])[]): void;
}

/** People copy ids, so there is always room for a whole one. */
const ID_WIDTH = 64;

/** Opens a stream: boxes on a terminal (`COLONIES_CLI_ASCII=true`: of plain characters), aligned text elsewhere. */
export function openTerminal(stream: TextStream, env: Io['env']): Terminal {
  const isTerminal = stream.isTTY === true;
  const style: TableStyle = isTerminal ? (env['COLONIES_CLI_ASCII'] === 'true' ? 'ascii' : 'rounded') : 'plain';
  const table: Terminal['table'] = (columns, rows) => {
    if (rows.length > 0) stream.write(drawTable(columns, rows, style, isTerminal ? widthOf(stream) : undefined));
  };
  return {
    line: (text) => void stream.write(`${printable(text)}\n`),
    table,
    facts: (rows) => table([{ title: '' }, { title: '', shrinks: true, leastWidth: ID_WIDTH }], rows),
  };
}
