import { printableLine, shorten, textWidth } from './text.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** May be cut to make the table fit the terminal. Ids are not, since people copy them. */
  readonly shrinks?: boolean;
  /** How narrow it may become, in characters. @default 8 */
  readonly leastWidth?: number;
}

/** How a table is drawn. */
export type TableStyle = 'rounded' | 'ascii' | 'plain';

const LEAST_WIDTH = 8;

interface Frame {
  readonly horizontal: string;
  readonly vertical: string;
  readonly top: readonly [string, string, string];
  readonly middle: readonly [string, string, string];
  readonly bottom: readonly [string, string, string];
}

const FRAMES: Readonly<Record<'rounded' | 'ascii', Frame>> = {
  rounded: {
    horizontal: '─',
    vertical: '│',
    top: ['╭', '┬', '╮'],
    middle: ['├', '┼', '┤'],
    bottom: ['╰', '┴', '╯'],
  },
  ascii: {
    horizontal: '-',
    vertical: '|',
    top: ['+', '+', '+'],
    middle: ['+', '+', '+'],
    bottom: ['+', '+', '+'],
  },
};

/**
 * Draws a table, one line of text per row and a line feed after each.
 *
 * @param rows as many cells as there are columns
 * @param style `plain` aligns the columns with two spaces, for pipes and files
 * @param width characters the table should fit into, by shortening the columns that may shrink
 */
export function drawTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: TableStyle,
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => columns.map((_, index) => printableLine(row[index] ?? '')));
  if (style === 'plain') return drawPlain(columns, cells);
  const widths = fitWidths(columns, cells, width - 3 * columns.length - 1);
  const frame = FRAMES[style];
  const rule = ([left, cross, right]: readonly [string, string, string]): string =>
    `${left}${widths.map((columnWidth) => frame.horizontal.repeat(columnWidth + 2)).join(cross)}${right}`;
  const line = (row: readonly string[]): string =>
    `${frame.vertical}${row.map((cell, index) => ` ${pad(cell, widths[index] ?? 0)} `).join(frame.vertical)}${frame.vertical}`;
  const header = columns.some(({ title }) => title !== '')
    ? [line(columns.map(({ title }) => title)), rule(frame.middle)]
    : [];
  return `${[rule(frame.top), ...header, ...cells.map(line), rule(frame.bottom)].join('\n')}\n`;
}

function drawPlain(columns: readonly Column[], cells: readonly (readonly string[])[]): string {
  const titles = columns.map(({ title }) => title);
  const lines = titles.some((title) => title !== '') ? [titles, ...cells] : cells;
  const widths = naturalWidths(columns, cells);
  return lines
    .map((line) => line.map((cell, index) => pad(cell, widths[index] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function naturalWidths(columns: readonly Column[], cells: readonly (readonly string[])[]): number[] {
  return columns.map(({ title }, index) =>
    cells.reduce((widest, row) => Math.max(widest, textWidth(row[index] ?? '')), textWidth(title)),
  );
}

/** Takes the space that is missing from the widest columns that may shrink. */
function fitWidths(columns: readonly Column[], cells: readonly (readonly string[])[], available: number): number[] {
  const widths = naturalWidths(columns, cells);
  let missing = widths.reduce((sum, width) => sum + width, 0) - available;
  for (; missing > 0; missing -= 1) {
    const widest = widestShrinkable(columns, widths);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function widestShrinkable(columns: readonly Column[], widths: readonly number[]): number | undefined {
  return columns
    .map(({ shrinks = false, leastWidth = LEAST_WIDTH }, index) => ({ index, least: shrinks ? leastWidth : Infinity }))
    .filter(({ index, least }) => (widths[index] ?? 0) > least)
    .toSorted((a, b) => (widths[b.index] ?? 0) - (widths[a.index] ?? 0))[0]?.index;
}

function pad(cell: string, width: number): string {
  const text = shorten(cell, width);
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}
