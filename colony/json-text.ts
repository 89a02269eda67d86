import { UserError } from './errors.ts';

/** Where JSON text stops being JSON; both count from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

const TOKEN =
  /[\u0020\t\n\r]+|[{}[\],:]|true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;

/** What may come next, as the words of an error message. */
type State = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'next' | 'done';

const BRACKETS = ['[', '{', ']', '}', ',', ':'] as const;
type Kind = (typeof BRACKETS)[number] | 'text' | 'scalar';

const VALUE_STATES: readonly State[] = ['value', 'value-or-end'];
/** The states in which each kind of token may come. */
const WELCOME: Readonly<Record<Kind, readonly State[]>> = {
  '[': VALUE_STATES,
  '{': VALUE_STATES,
  scalar: VALUE_STATES,
  text: [...VALUE_STATES, 'key', 'key-or-end'],
  ':': ['colon'],
  ',': ['next'],
  ']': ['value-or-end', 'next'],
  '}': ['key-or-end', 'next'],
};

const EXPECTED: Readonly<Record<State, string>> = {
  value: 'a value',
  'value-or-end': 'a value or "]"',
  key: 'a name in double quotes',
  'key-or-end': 'a name in double quotes or "}"',
  colon: '":"',
  next: '"," or the end of the list or object',
  done: 'nothing more',
};

/**
 * Reads JSON written by people.
 *
 * @throws UserError with file name, line, column and what was expected there
 */
export function parseJson(text: string, fileName: string): unknown {
  const json = text.startsWith('\uFEFF') ? text.slice(1) : text;
  try {
    return JSON.parse(json);
  } catch (error) {
    const { line, column, expected } = findJsonFault(json) ?? { line: 1, column: 1, expected: 'JSON' };
    throw new UserError(`${fileName}:${line}:${column}: expected ${expected}; this is not JSON`, { cause: error });
  }
}

/**
 * The first place where text departs from JSON (RFC 8259), or nothing when it is JSON. The messages of `JSON.parse`
 * differ between versions of V8, and some name no place.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let state: State = 'value';
  let offset = 0;
  while (offset < text.length) {
    TOKEN.lastIndex = offset;
    const token = TOKEN.exec(text)?.[0];
    const next: State | undefined = token === undefined ? undefined : follow(state, token, open);
    if (token === undefined || next === undefined) return faultAt(text, offset, state);
    state = next;
    offset += token.length;
  }
  return state === 'done' ? undefined : faultAt(text, offset, state);
}

/** The state after a token, or nothing when the token may not stand here. Opens and closes brackets in `open`. */
function follow(state: State, token: string, open: ('[' | '{')[]): State | undefined {
  const kind = kindOf(token);
  if (kind === 'space') return state;
  if (!WELCOME[kind].includes(state)) return undefined;
  if (kind === ']' || kind === '}') return close(state, kind, open);
  if (kind === ':') return 'value';
  if (kind === ',') return open.at(-1) === '[' ? 'value' : 'key';
  if (kind === '[' || kind === '{') return openBracket(kind, open);
  return state === 'key' || state === 'key-or-end' ? 'colon' : afterValue(open);
}

function openBracket(bracket: '[' | '{', open: ('[' | '{')[]): State {
  open.push(bracket);
  return bracket === '[' ? 'value-or-end' : 'key-or-end';
}

function kindOf(token: string): Kind | 'space' {
  if (/^\s/u.test(token)) return 'space';
  if (token.startsWith('"')) return 'text';
  return BRACKETS.find((bracket) => bracket === token) ?? 'scalar';
}

function close(state: State, bracket: ']' | '}', open: ('[' | '{')[]): State | undefined {
  const opened = open.pop();
  if (state === 'next' && opened !== (bracket === ']' ? '[' : '{')) return undefined;
  return afterValue(open);
}

function afterValue(open: readonly string[]): State {
  return open.length === 0 ? 'done' : 'next';
}

function faultAt(text: string, offset: number, state: State): JsonFault {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1, expected: EXPECTED[state] };
}
