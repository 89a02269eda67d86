import type { Terminal } from './terminal.ts';

/** What a command found out, for programs and for people. */
export interface Report {
  /** Printed as one document with `--json`. */
  readonly json: unknown;
  /** Prints the same for people, data only, on standard output. */
  show(terminal: Terminal): void;
  /** @default 0 */
  readonly exitCode?: number;
}

/** A report that is one line of text for people. */
export function lineReport(line: string, json: unknown): Report {
  return { json, show: (terminal) => terminal.line(line) };
}
