import * as fc from 'fast-check';

/** Any text that JavaScript can hold: also half surrogates, NUL and control characters. */
const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 })
  .map((units) => String.fromCharCode(...units));

const texts = fc.oneof(
  anyText,
  fc.constantFrom('', '\0', 'a\0b', '__proto__', 'constructor', 'toString', '../..', "'; DROP TABLE x; --", '%', '*'),
  fc.constantFrom('null', '-1m', '9999999999999999999m', '1e3Gi', '/', '\u202e', '٣', '\ud800', '0'),
  fc.constantFrom('F'.repeat(64), 'f'.repeat(63), 'x'.repeat(3000), '{"a":', '[]', '* * * * * *', '@every 1s'),
);

const integers = fc.constantFrom(
  0,
  -1,
  1,
  5,
  100,
  101,
  500,
  501,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
);

const numbers = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    -1,
    1,
    2,
    3,
    4,
    5,
    100,
    101,
    500,
    0.5,
    -1.5,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53,
    -(2 ** 53),
  ),
  fc.constantFrom(2 ** 63, -(2 ** 63), 1e21, -1e21, 1e308, -1e308, 5e-324, 8.64e15, 8.64e15 + 1),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

function nested(depth: number, value: unknown): unknown {
  return depth === 0 ? value : nested(depth - 1, depth % 2 === 0 ? [value] : { a: value });
}

const hostileObject: unknown = JSON.parse(
  '{"__proto__":{"x":1},"constructor":{"prototype":1},"toString":1,"length":-1}',
);

/** Values that no program expects. */
export const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  texts,
  numbers,
  fc.constantFrom<unknown>(null, true, false, [], {}, [null], [[]], { a: null }, hostileObject),
  fc.integer({ min: 1, max: 240 }).map((depth) => nested(depth, 1)),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(texts, { maxLength: 20 }),
  fc.dictionary(texts, fc.oneof(texts, numbers), { maxKeys: 10 }),
);

/** One change of a JSON value: at one of its places, chosen by a number. */
export interface Mutation {
  readonly place: number;
  readonly kind: 'alike' | 'replace' | 'remove' | 'add' | 'wrap' | 'repeat' | 'swap';
  readonly value: unknown;
  /** A key where one is added, and another text where there is one. */
  readonly text: string;
  /** Another number where there is one. */
  readonly integer: number;
}

/** One to three changes. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.record({
    place: fc.nat({ max: 1000 }),
    // Most changes keep the type, since what follows the decoding is longer than what comes before it.
    kind: fc.oneof(
      { weight: 6, arbitrary: fc.constant('alike' as const) },
      { weight: 4, arbitrary: fc.constantFrom('replace', 'remove', 'add', 'wrap', 'repeat', 'swap') },
    ),
    value: oddValues,
    text: texts,
    integer: fc.oneof(integers, fc.integer({ min: -3, max: 600 }), fc.integer()),
  }),
  { minLength: 1, maxLength: 3 },
);

/** The value with all changes made. */
export function mutate(value: unknown, changes: readonly Mutation[]): unknown {
  return changes.reduce((result, mutation) => {
    const places = placesOf(result);
    return changeAt(result, places[mutation.place % places.length] ?? [], mutation);
  }, value);
}

type Path = readonly string[];

/** The paths to everything in a value, except the value itself. */
function placesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || path.length > 8) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key];
    return [here, ...placesOf(inner, here)];
  });
}

function changeAt(value: unknown, [key, ...rest]: Path, mutation: Mutation): unknown {
  if (key === undefined) return changed(value, mutation);
  const inner = changeAt(Object(value)[key], rest, mutation);
  if (Array.isArray(value)) {
    const elements = value.map((element: unknown, index) => (String(index) === key ? inner : element));
    return inner === undefined ? elements.filter((element) => element !== undefined) : elements;
  }
  return defined(value, key, inner);
}

/** A copy with one key set, whatever it is called; without it for undefined. */
function defined(value: unknown, key: string, inner: unknown): object {
  const entries = Object.entries<unknown>(Object(value)).filter(([name]) => name !== key);
  return Object.fromEntries(inner === undefined ? entries : [...entries, [key, inner]]);
}

function changed(value: unknown, mutation: Mutation): unknown {
  const { kind, value: odd, text } = mutation;
  const results: Readonly<Record<Mutation['kind'], () => unknown>> = {
    alike: () => alike(value, mutation),
    replace: () => odd,
    remove: () => undefined,
    add: () => (Array.isArray(value) ? [...value, odd] : { ...Object(value), [text]: odd }),
    wrap: () => [value],
    repeat: () => Array.from({ length: 50 }, () => value),
    swap: () => (typeof value === 'string' ? value.length : JSON.stringify(value)),
  };
  return results[kind]();
}

/** Another value of the same type. */
function alike(value: unknown, { text, integer, place }: Mutation): unknown {
  if (typeof value === 'string') return text;
  if (typeof value === 'number') return integer;
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return Array.from({ length: place % 200 }, (_, index) => value[index % value.length]);
  return typeof value === 'object' ? {} : value;
}

/** Changes of JSON text that no JSON value expresses. */
export const textChanges: fc.Arbitrary<(json: string) => string> = fc.oneof(
  fc.constant((json: string) => json),
  fc
    .constantFrom('{"msgtype":"x",', '{"spec":null,', '{"a":1e999,', '{"b":-0,', '{"c":12345678901234567890123,')
    .map((head) => (json: string) => json.replace('{', head)),
  fc
    .constantFrom(
      '1e999',
      '-1e999',
      '9007199254740993',
      '1.0',
      '1E2',
      '-0',
      '01',
      '0x1',
      'NaN',
      '"\\ud800"',
      '"\\u0000"',
    )
    .map((number) => (json: string) => json.replace(/(?<=:)\d+/u, number)),
  fc.nat({ max: 200 }).map((length) => (json: string) => json.slice(0, length)),
  fc.nat({ max: 200 }).map((at) => (json: string) => `${json.slice(0, at)}\0${json.slice(at)}`),
  fc.constant((json: string) => `\uFEFF${json}`),
  fc.constant((json: string) => ` \n\t${json}\n\n`),
  fc.constant((json: string) => json.replaceAll('"', "'")),
);
