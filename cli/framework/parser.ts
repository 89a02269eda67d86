import yargs, { type Argv, type Options as YargsOptions } from 'yargs';
import { type ArgumentsOf, type Command, EXIT_CODES, type Option, type Options, UsageError } from '../command.ts';
import { closestWord } from './suggestions.ts';
import { formatValue } from './text.ts';
import { GLOBAL_OPTIONS, type GlobalArguments } from './global-options.ts';

/** Commands by name, read only when somebody asks for the group. */
export interface Group {
  readonly describe: string;
  readonly commands: Readonly<Record<string, Group | LoadCommand | DeferredCommand>>;
}

/** Reads the module of a command. */
type LoadCommand = () => Promise<Command>;

/** A command whose module is read only when the command line mentions it, so that the help of its group stays fast. */
interface DeferredCommand {
  /** As in the command itself. */
  readonly describe: string;
  readonly load: LoadCommand;
}

/** What a command line asks for. */
export type Parsed =
  | { readonly kind: 'help'; readonly text: string }
  | {
      readonly kind: 'command';
      readonly path: readonly string[];
      readonly command: Command;
      /** The values of positional arguments and options under their camelCase names, as the command declares them. */
      readonly args: ArgumentsOf<Options>;
      readonly globalArguments: GlobalArguments;
    };

interface Selection {
  readonly path: readonly string[];
  readonly command: Command;
  readonly raw: Readonly<Record<string, unknown>>;
}

/** How far yargs has come. */
interface Visit {
  /** The words of the command line. */
  readonly words: ReadonlySet<string>;
  path: readonly string[];
  /** The options of the command at `path`. */
  options: readonly string[];
  selection?: Selection;
}

const EPILOGUE = [
  'Data goes to standard output, everything else to standard error; --json prints one JSON document.',
  `Exit codes: ${EXIT_CODES.success} done; ${EXIT_CODES.error} an error that you can mend, or a refusal of the server; ${EXIT_CODES.usage} wrong usage; ${EXIT_CODES.failedWork} an awaited process or workflow failed; ${EXIT_CODES.bug} a bug of this program; ${EXIT_CODES.interrupted} interrupted.`,
  'Server, colony and keys come from flags, then from the ColonyOS environment variables (COLONIES_SERVER_HOST, COLONIES_SERVER_HTTP_PORT, COLONIES_TLS, COLONIES_COLONY_NAME, COLONIES_PRVKEY, ...), then from the development colony that "colonies server start" creates.',
].join('\n');

/**
 * Understands a command line.
 *
 * @throws UsageError for unknown commands and options, missing or wrong values
 */
export async function parseCommandLine(root: Group, argv: readonly string[], widthCharacters: number): Promise<Parsed> {
  const visit: Visit = { path: [], options: [], words: new Set(argv) };
  try {
    return await parseVisiting(visit, root, argv, widthCharacters);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    throw new UsageError(thrown.message + suggestionFor(thrown.message, root, visit), visit.path);
  }
}

/** For a command or option that does not exist: the one that was probably meant. */
function suggestionFor(message: string, root: Group, { path, options }: Visit): string {
  // Of an option with dashes, yargs also names the form in camel case.
  const [, kind, written = ''] = /^Unknown (command|argument)s?: ([^\s,]+)/u.exec(message) ?? [];
  const meant = closestWord(written, kind === 'command' ? commandsAt(root, path) : options);
  return meant === undefined ? '' : `. Did you mean ${kind === 'command' ? '' : '--'}${meant}?`;
}

function commandsAt(root: Group, path: readonly string[]): readonly string[] {
  let group = root;
  for (const name of path) {
    const next = group.commands[name];
    if (next === undefined || typeof next === 'function' || 'load' in next) return [];
    group = next;
  }
  return Object.keys(group.commands);
}

async function parseVisiting(
  visit: Visit,
  root: Group,
  argv: readonly string[],
  widthCharacters: number,
): Promise<Parsed> {
  let help = '';
  const parser = yargs([])
    .scriptName('colonies')
    .usage('$0 <command> [options]')
    .exitProcess(false)
    .help()
    .alias('help', 'h')
    .version(false)
    .strict()
    .strictCommands()
    .wrap(widthCharacters)
    .parserConfiguration({ 'parse-positional-numbers': false, 'greedy-arrays': false })
    .options(yargsOptions(GLOBAL_OPTIONS))
    .epilogue(EPILOGUE)
    .fail(refuse);
  const complete = await addCommands(parser, root, [], visit);
  await complete.parseAsync([...argv], {}, (_error, _arguments, output) => {
    help = output;
  });
  const { selection } = visit;
  if (selection === undefined) return { kind: 'help', text: help };
  const { path, command, raw } = selection;
  return {
    kind: 'command',
    path,
    command,
    args: readArguments(
      { ...command.positional, ...command.options },
      raw,
      argv,
      Object.keys(command.positional ?? {}),
    ),
    globalArguments: readArguments(GLOBAL_OPTIONS, raw, argv),
  };
}

/** yargs reports wrong usage with a message, or with an error of its own; anything else is ours. */
function refuse(message: string | undefined, error: Error | undefined): never {
  if (error !== undefined && error.name !== 'YError') throw error;
  throw new UsageError(message ?? error?.message ?? 'the command line was not understood');
}

async function addCommands(parser: Argv, group: Group, path: readonly string[], visit: Visit): Promise<Argv> {
  visit.path = path;
  for (const [name, node] of Object.entries(group.commands)) {
    const ownPath = [...path, name];
    if (typeof node === 'function') addCommand(parser, await node(), ownPath, visit);
    else if ('load' in node) await addDeferred(parser, node, ownPath, visit);
    else parser.command(name, node.describe, (inner) => addCommands(inner, node, ownPath, visit));
  }
  const names = Object.keys(group.commands).join(', ');
  return parser.demandCommand(1, `${['colonies', ...path].join(' ')}: expected one of these commands: ${names}`);
}

async function addDeferred(
  parser: Argv,
  { describe, load }: DeferredCommand,
  path: readonly string[],
  visit: Visit,
): Promise<void> {
  const name = path.at(-1) ?? '';
  if (visit.words.has(name)) addCommand(parser, await load(), path, visit);
  else parser.command(name, describe);
}

function addCommand(parser: Argv, command: Command, path: readonly string[], visit: Visit): void {
  const { positional = {}, options = {}, examples = [], details } = command;
  const words = Object.keys(positional).map((name) => `[${name}]`);
  parser.command(
    [path.at(-1), ...words].join(' '),
    command.describe,
    (inner) => {
      visit.path = path;
      visit.options = [positional, options, GLOBAL_OPTIONS].flatMap(Object.keys);
      // What follows a command is an argument, so it is not called an unknown command.
      inner.strictCommands(false);
      for (const [name, option] of Object.entries(positional)) inner.positional(name, positionalOptions(option));
      inner.options(yargsOptions(options));
      // Its own options first; those of every command stand below them.
      inner.group(Object.keys(options), 'Options:');
      inner.group(['help', ...Object.keys(GLOBAL_OPTIONS)], 'Global options:');
      for (const [line, meaning] of examples) inner.example(`$0 ${line}`, meaning);
      return details === undefined ? inner : inner.epilogue(details);
    },
    (raw) => {
      visit.selection = { path, command, raw };
    },
  );
}

function yargsOptions(options: Options): Record<string, YargsOptions> {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [
      name,
      {
        ...commonOptions(option),
        describe: describeOption(option),
        ...(option.list === true ? { array: true } : {}),
        ...(option.type === 'boolean' ? {} : { requiresArg: true }),
      },
    ]),
  );
}

/** Optional to yargs, so that they may be given as flags. */
function positionalOptions(option: Option) {
  return { ...commonOptions(option), describe: describeOption(option) };
}

/** {@link readValue} refuses what is missing: yargs would do so before it names a flag that is misspelt. */
function describeOption({ describe, required }: Option): string {
  return required === true ? `${describe} (required)` : describe;
}

function commonOptions(option: Option) {
  const { type, describe, alias, choices } = option;
  const shown = option.default === undefined || option.default === false ? {} : { default: option.default };
  return {
    type,
    describe,
    ...(alias === undefined ? {} : { alias }),
    ...(choices === undefined ? {} : { choices }),
    ...shown,
  };
}

function readArguments<O extends Options>(
  options: O,
  raw: Selection['raw'],
  argv: readonly string[],
  positional: readonly string[] = [],
): ArgumentsOf<O> {
  requireValues(options, raw, positional);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value is read as its option declares it
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [camelCase(name), readValue(name, option, raw[name], argv)]),
  ) as ArgumentsOf<O>;
}

/** @throws UsageError naming what is missing as the help does: an option with its dashes, a positional without */
function requireValues(options: Options, raw: Selection['raw'], positional: readonly string[]): void {
  for (const [name, { required, list }] of Object.entries(options)) {
    const given: unknown = Array.isArray(raw[name]) && list !== true ? raw[name].at(-1) : raw[name];
    if (required === true && (given === undefined || given === '')) {
      throw new UsageError(`${positional.includes(name) ? '' : '--'}${name}: expected a value, got none`);
    }
  }
}

function readValue(name: string, option: Option, raw: unknown, argv: readonly string[]): unknown {
  if (option.list === true) return readList(raw);
  // Of a flag given twice, the last counts.
  const value: unknown = Array.isArray(raw) ? raw.at(-1) : raw;
  if (option.type === 'boolean') return value === true;
  if (value === undefined) return undefined;
  return option.type === 'number' ? readNumber(name, option, Number(value), argv) : formatValue(value);
}

function readList(raw: unknown): string[] {
  return (Array.isArray(raw) ? raw : raw === undefined ? [] : [raw])
    .flatMap((value) => String(value).split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

function readNumber(name: string, option: Option, value: number, argv: readonly string[]): number {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = option;
  const hasKind = option.fraction === true ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (hasKind && value >= minimum && value <= maximum) return value;
  const got = Number.isNaN(value) ? (writtenValue(name, argv) ?? 'something else') : String(value);
  throw new UsageError(`--${name}: expected ${describeNumber(option)}, got ${got}`);
}

/** What stands on the command line, where yargs only says that it is no number. */
function writtenValue(name: string, argv: readonly string[]): string | undefined {
  const index = argv.findLastIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  const word = argv[index];
  const value = word?.includes('=') === true ? word.slice(word.indexOf('=') + 1) : argv[index + 1];
  return index < 0 || value === undefined ? undefined : JSON.stringify(value);
}

function describeNumber({ minimum, maximum, fraction }: Option): string {
  const kind = fraction === true ? 'a number' : 'a whole number';
  if (minimum === undefined) return maximum === undefined ? kind : `${kind} of at most ${maximum}`;
  return maximum === undefined ? `${kind} of at least ${minimum}` : `${kind} from ${minimum} to ${maximum}`;
}

function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/gu, (_, letter: string) => letter.toUpperCase());
}
