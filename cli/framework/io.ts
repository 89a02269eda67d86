/** A stream that takes text, such as `process.stdout`. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal in characters. */
  readonly columns?: number;
}

/** Everything the command line touches of the process it runs in, so that tests can run it inside their own. */
export interface Io {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where relative paths start. */
  readonly cwd: string;
  /** Fires when the user interrupts the program. */
  readonly signal: AbortSignal;
}
