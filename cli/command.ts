import type { Context } from './framework/context.ts';
import type { Report } from './framework/report.ts';

/** One option or positional argument of a command. Amounts say their unit in `describe`. */
export interface Option {
  readonly type: 'string' | 'number' | 'boolean';
  /** One line for the help text, with the unit and, where it is not a plain value, the default. */
  readonly describe: string;
  /** Another spelling, such as one letter or an official flag name. */
  readonly alias?: string | readonly string[];
  readonly default?: string | number | boolean;
  readonly choices?: readonly string[];
  readonly required?: true;
  /** May be repeated, and takes several values separated by commas. */
  readonly list?: true;
  /** Smallest and largest acceptable number. */
  readonly minimum?: number;
  readonly maximum?: number;
  /** Accepts numbers that are not whole. */
  readonly fraction?: true;
}

/** Options by their names on the command line, such as `public-key`. */
export type Options = Readonly<Record<string, Option>>;

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

type Primitive<O extends Option> = O extends { choices: readonly (infer Choice)[] }
  ? Choice
  : { string: string; number: number; boolean: boolean }[O['type']];

type ValueOf<O extends Option> = O extends { list: true }
  ? readonly string[]
  : O extends { required: true } | { default: string | number | boolean } | { type: 'boolean' }
    ? Primitive<O>
    : Primitive<O> | undefined;

/** What `run` receives for these options: camelCase names, values of the declared types. */
export type ArgumentsOf<O extends Options> = { readonly [K in keyof O & string as CamelCase<K>]: ValueOf<O[K]> };

/** A command of the command line. Its path among the files of `cli/` is its name. */
export interface Command<P extends Options = Options, O extends Options = Options> {
  /** One line that starts with a verb. */
  readonly describe: string;
  /** Paragraphs below the options in the help text. */
  readonly details?: string;
  /** Arguments without a flag, in their order; each may be given as a flag, too. */
  readonly positional?: P;
  readonly options?: O;
  /** What to type after the program's name, and what that does. */
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
  /** Watches `context.io.signal` and ends by itself; other commands are abandoned when the user interrupts them. */
  readonly stopsItself?: true;
  /**
   * Does the work. What it returns is printed on standard output, as JSON with `--json`; a command that prints before
   * it ends calls `context.print` instead and returns nothing.
   */
  run(args: ArgumentsOf<P> & ArgumentsOf<O>, context: Context): Promise<Report | undefined>;
}

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- no options is what is meant
type NoOptions = Record<never, never>;

/** Declares a command; the types of its options flow into `run`. */
export function defineCommand<const P extends Options = NoOptions, const O extends Options = NoOptions>(
  command: Command<P, O>,
): Command<P, O> {
  return command;
}

/** The command line was not understood: the message and a pointer to the help are printed, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The command whose help is worth reading. */
  readonly path: readonly string[];

  constructor(message: string, path: readonly string[] = []) {
    super(message);
    this.path = path;
  }
}

/** What the program's exit codes mean. */
export const EXIT_CODES = {
  success: 0,
  /** The user can mend it, or the server refused. */
  error: 1,
  usage: 2,
  /** A process or workflow that was waited for failed or was cancelled. */
  failedWork: 3,
  /** Our mistake. */
  bug: 70,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;
