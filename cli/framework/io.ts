/** A stream that takes text, such as `process.stdout`. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal in characters; some do not know it and say 0. */
  readonly columns?: number;
  /** Height of the terminal in lines. */
  readonly rows?: number;
}

/** The width of a terminal in characters, 80 where it does not know. */
export function widthOf({ columns = 0 }: TextStream): number {
  return columns > 0 ? columns : 80;
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
  /** Asks the user for a line of text; missing where nobody sits at a terminal. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}
