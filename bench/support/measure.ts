/** Work that can be repeated; each run computes `items` items. */
export interface Work {
  readonly items: number;
  readonly run: () => void | Promise<void>;
  /** Runs before each `run`, untimed. */
  readonly before?: () => Promise<void>;
}

/** Repeats work until it has taken `minimumMs`, at least once. @returns microseconds per item */
export async function microsPerItem({ run, items, before }: Work, minimumMs: number): Promise<number> {
  let runs = 0;
  let elapsedMs = 0;
  while (elapsedMs < minimumMs) {
    await before?.();
    const startedAt = performance.now();
    await run();
    elapsedMs += performance.now() - startedAt;
    runs += 1;
    // The untimed part may take far longer than the timed one.
    if (before && runs >= 20) break;
  }
  return (elapsedMs * 1000) / (runs * items);
}

/** The middle value; of two, the lower. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** Three significant digits without an exponent. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 1000 ? value.toFixed(0) : `${Number(value.toPrecision(3))}`;
}

/** Rows as a table in text, the first row its head; the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  const [head = [], ...body] = rows;
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)].join('\n');
}
