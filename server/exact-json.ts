import { isDigit, endOfNumber, endOfString, type JsonShape, QUOTE } from './json-shape.ts';

/**
 * Values of processes keep every digit of their integers. `JSON.parse` makes doubles of them: 9007199254740993 would come
 * back as 9007199254740992. (`context.source` of its reviver and `JSON.rawJSON` would help; Node 20 has neither.)
 */

/** Set by {@link ExactNumber} when it is met on the way into a text. */
let isMet = false;

/** An integer that a double would change the digits of. Whoever calculates with it gets the nearest double. */
class ExactNumber {
  /** Its digits, after a sign maybe. */
  readonly text: string;

  /** @param text an integer in JSON */
  constructor(text: string) {
    this.text = text;
  }

  toJSON(): number {
    isMet = true;
    return Number(this.text);
  }
}

/** Where executors and users put values of their own; all other numbers are ours to read. */
const VALUE_KEYS: ReadonlySet<string> = new Set(['args', 'kwargs', 'in', 'out']);

/**
 * Reads JSON that was measured. Integers in arguments, inputs and outputs that a double would change are
 * {@link ExactNumber}s.
 *
 * @throws SyntaxError when it is no JSON, or a number in it is larger than any double: Go refuses it, too, and a client
 *   in Go could not read a list of processes of which one holds it
 */
export function parseMeasured(json: string, { hasLongNumber }: Pick<JsonShape, 'hasLongNumber'>): unknown {
  const rounded: unknown = JSON.parse(json);
  if (!hasLongNumber) return rounded;
  const quoted = quoteInexact(json);
  return quoted === json ? rounded : restore(rounded, JSON.parse(quoted), false);
}

/** As `JSON.stringify`, with the digits of {@link ExactNumber}s. */
export function toExactJson(value: unknown): string {
  isMet = false;
  const json = JSON.stringify(value);
  return isMet ? write(value) : json;
}

function write(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${write(member)}`).join(',')}}`;
}

/** The same JSON with texts in the place of integers that a double would change. */
function quoteInexact(json: string): string {
  const parts: string[] = [];
  let done = 0;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at);
    if (!isDigit(code)) continue;
    const start = json[at - 1] === '-' ? at - 1 : at;
    at = endOfNumber(json, at);
    const literal = json.slice(start, at + 1);
    if (isExact(literal)) continue;
    parts.push(json.slice(done, start), `"${literal}"`);
    done = at + 1;
  }
  return done === 0 ? json : parts.join('') + json.slice(done);
}

/**
 * Puts exact numbers where one reading has a number and the other one a text.
 *
 * @param isValue whether this is a value of a process, or part of one
 */
function restore(rounded: unknown, quoted: unknown, isValue: boolean): unknown {
  if (typeof rounded === 'number' && typeof quoted === 'string' && isValue) return new ExactNumber(quoted);
  if (typeof rounded !== 'object' || rounded === null) return rounded;
  const other: Readonly<Record<string, unknown>> = Object(quoted);
  if (Array.isArray(rounded)) return rounded.map((element, index) => restore(element, other[index], isValue));
  const members = Object.entries(rounded).map(([key, member]) => [
    key,
    restore(member, other[key], isValue || VALUE_KEYS.has(key)),
  ]);
  return Object.fromEntries(members);
}

/** Whether an integer is written with the same digits again. Fractions are doubles to everybody. */
function isExact(literal: string): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) throw new SyntaxError('expected numbers that a double can hold');
  return Number.isSafeInteger(value) || !INTEGER.test(literal) || String(value) === literal;
}

const INTEGER = /^-?\d+$/u;
