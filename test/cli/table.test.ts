import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawTable } from '../../cli/framework/table.ts';
import { formatDuration, formatTime, printable, printableLine, textWidth } from '../../cli/framework/text.ts';

const columns = [{ title: 'ID' }, { title: 'MESSAGE', shrinks: true }];

test('a table on a terminal has a frame', () => {
  expect(
    `\n${drawTable(
      columns,
      [
        ['a', 'one'],
        ['bb', 'two'],
      ],
      'rounded',
    )}`,
  ).toMatchInlineSnapshot(`
    "
    ╭────┬─────────╮
    │ ID │ MESSAGE │
    ├────┼─────────┤
    │ a  │ one     │
    │ bb │ two     │
    ╰────┴─────────╯
    "
  `);
});

test('a table with plain characters looks as that of the official command line', () => {
  expect(`\n${drawTable(columns, [['a', 'one']], 'ascii')}`).toMatchInlineSnapshot(`
    "
    +----+---------+
    | ID | MESSAGE |
    +----+---------+
    | a  | one     |
    +----+---------+
    "
  `);
});

test('a table in a pipe is aligned text without trailing spaces', () => {
  expect(
    `\n${drawTable(
      columns,
      [
        ['a', 'one'],
        ['bbb', ''],
      ],
      'plain',
    )}`,
  ).toMatchInlineSnapshot(`
    "
    ID   MESSAGE
    a    one
    bbb
    "
  `);
});

test('columns that may shrink are cut to fit the terminal, ids are not', () => {
  expect(`\n${drawTable(columns, [['0123456789', 'a long message that does not fit']], 'ascii', 30)}`)
    .toMatchInlineSnapshot(`
    "
    +------------+---------------+
    | ID         | MESSAGE       |
    +------------+---------------+
    | 0123456789 | a long messa… |
    +------------+---------------+
    "
  `);
});

test('whatever stands in its cells, a table is rectangular, and within the width when its columns can shrink', () => {
  const cell = fc.string({ unit: 'binary', maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 30, max: 60 }),
      (rows, width) => {
        const shrinking = columns.map((column) => ({ ...column, shrinks: true }));
        const lines = drawTable(shrinking, rows, 'rounded', width).trimEnd().split('\n');
        expect(new Set(lines.map(textWidth)).size).toBe(1);
        expect(lines).toHaveLength(rows.length + 4);
        expect(textWidth(lines[0] ?? '')).toBeLessThanOrEqual(width);
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

test('control characters from elsewhere are shown, not obeyed', () => {
  expect(printable('a\u001B[2Jb\u009Bc\rd\u202Ee')).toBe(String.raw`a\x1b[2Jb\x9bc\x0dd\u202ee`);
  expect(printable('two\nlines\tand a tab')).toBe('two\nlines\tand a tab');
  expect(printableLine('two\nlines')).toBe(String.raw`two\nlines`);
});

test('times are in UTC, durations have a fitting unit', () => {
  expect(formatTime(new Date('2026-11-20T08:53:44.123Z'))).toBe('2026-11-20 08:53:44');
  expect(formatTime(undefined)).toBe('-');
  expect([12.4, 1534, 180_000, 7_500_000].map(formatDuration)).toEqual(['12 ms', '1.5 s', '3 min', '2.1 h']);
});
