import type { Column } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What a command found out, for programs and for people. */
export interface Report {
  /** Printed as one document with `--json`. */
  readonly json: unknown;
  /** Prints the same for people: data on `out`, the rest on `talk`. */
  show(out: Terminal, talk: Terminal): void;
  /** @default 0 */
  readonly exitCode?: number;
}

/** A report that is one line of data for people. */
export function lineReport(line: string, json: unknown): Report {
  return { json, show: (out) => out.line(line) };
}

/** A report of names and values, one pair per row. */
export function factsReport(json: unknown, rows: readonly (readonly [name: string, value: string])[]): Report {
  return { json, show: (out) => out.facts(rows) };
}

/** A report that something was made: its id is data, which scripts read, and people are told what it is. */
export function madeReport(message: string, id: string, json: unknown): Report {
  return {
    json,
    show(out, talk) {
      talk.line(message);
      out.line(id);
    },
  };
}

/** A report that something was done, which people are told and scripts see from the exit code. */
export function doneReport(message: string, json: unknown): Report {
  return { json, show: (_out, talk) => talk.line(message) };
}

/** A report of a list; people are told when it is empty. */
export function tableReport(
  json: unknown,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  empty: string,
): Report {
  return { json, show: (out, talk) => (rows.length === 0 ? talk.line(empty) : out.table(columns, rows)) };
}
