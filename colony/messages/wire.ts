import * as z from 'zod';
import { arrayOf, recordOf } from './first-fault.ts';

/**
 * Codecs between what stands on the wire (ColonyOS's names, Go's zero values) and what our code works with
 * (camelCase names with units, `undefined` for what is not set). Decoding tolerates what other clients and servers are
 * known to send: null lists, missing fields, unknown keys. Encoding always writes the complete set of keys.
 */

/** One property of a domain object: its name on the wire and how its value is written there. */
export interface Field<W extends string = string, S extends z.ZodType = z.ZodType> {
  readonly wire: W;
  readonly schema: S;
}

/** Names a property on the wire. */
export function field<const W extends string, S extends z.ZodType>(wire: W, schema: S): Field<W, S> {
  return { wire, schema };
}

type Fields = Readonly<Record<string, Field>>;
type OptionalKey<F extends Fields> = {
  [K in keyof F]: undefined extends z.output<F[K]['schema']> ? K : never;
}[keyof F];
/** What our code sees of an object with these fields. Who builds one may leave out what may be undefined. */
export type DomainOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalKey<F>>]: z.output<F[K]['schema']>;
} & { readonly [K in OptionalKey<F>]?: z.output<F[K]['schema']> };
/** What stands on the wire for an object with these fields. */
export type WireOf<F extends Fields> = { [K in keyof F as F[K]['wire']]: z.input<F[K]['schema']> };

/** A codec between an object with wire names and one with our names. Unknown keys are dropped. */
export function wireObject<F extends Fields>(fields: F): z.ZodType<DomainOf<F>, WireOf<F>> {
  const entries = Object.entries(fields);
  const toWire = entries.map(([name, { wire }]) => [name, wire] as const);
  const fromWire = entries.map(([name, { wire }]) => [wire, name] as const);
  const wireSchema = z.object(Object.fromEntries(entries.map(([, { wire, schema }]) => [wire, schema])));
  return z.codec(
    wireSchema as unknown as z.ZodType<WireOf<F>, WireOf<F>>,
    z.custom<DomainOf<F>>(isObject, 'expected an object'),
    {
      decode: (wire) => rename(wire, fromWire) as DomainOf<F>,
      encode: (domain) => rename(domain, toWire) as WireOf<F>,
    },
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rename(source: object, pairs: readonly (readonly [from: string, to: string])[]): Record<string, unknown> {
  const values = source as Readonly<Record<string, unknown>>;
  const renamed: Record<string, unknown> = {};
  for (const [from, to] of pairs) renamed[to] = values[from];
  return renamed;
}

/** Text that may be missing or null on the wire; empty then. */
export const text = z.codec(z.string().nullish(), z.string(), {
  decode: (wire) => wire ?? '',
  encode: (value) => value,
});

/** Text that stands on the wire only when there is some; null means the same as a missing one. */
export const optionalText = z.codec(z.string().nullish(), z.string().optional(), {
  decode: (wire) => wire ?? undefined,
  encode: (value) => value,
});

/** An object that may be missing or null on the wire; everything in it is missing then. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the result carries the types of the schema
export function nested<S extends z.ZodType>(schema: S) {
  return z.codec(z.looseObject({}).nullish(), schema, {
    decode: (wire) => (wire ?? {}) as z.input<S>,
    encode: (value) => value as Record<string, unknown>,
  });
}

const ID_MESSAGE = 'expected an id of 64 lower-case hexadecimal characters';

/**
 * An id that a server gave a process or workflow. People paste ids into command lines, so text of another form is not
 * taken from a server.
 */
export const id = z.string().regex(/^[0-9a-f]{64}$/u, ID_MESSAGE);

/** An {@link id} that may be missing or null on the wire; empty then. */
export const optionalId = z.codec(
  z
    .string()
    .regex(/^(?:[0-9a-f]{64})?$/u, ID_MESSAGE)
    .nullish(),
  z.string(),
  { decode: (wire) => wire ?? '', encode: (value) => value },
);

/** An integer that may be missing or null on the wire; 0 then. */
export const integer = z.codec(z.number().int().nullish(), z.number(), {
  decode: (wire) => wire ?? 0,
  encode: (value) => value,
});

/** An integer that stands on the wire only when there is one; null means the same as a missing one. */
export const optionalInteger = z.codec(z.number().int().nullish(), z.number().optional(), {
  decode: (wire) => wire ?? undefined,
  encode: (value) => value,
});

/** A number that may be missing or null on the wire; 0 then. */
export const number = z.codec(z.number().nullish(), z.number(), {
  decode: (wire) => wire ?? 0,
  encode: (value) => value,
});

/** A truth value that may be missing or null on the wire; false then. */
export const boolean = z.codec(z.boolean().nullish(), z.boolean(), {
  decode: (wire) => wire ?? false,
  encode: (value) => value,
});

/** A list that may be missing or null on the wire; empty then. */
export function list<S extends z.ZodType>(schema: S) {
  return z.codec(arrayOf(schema).nullish(), z.custom<readonly z.output<S>[]>(Array.isArray), {
    decode: (wire) => (wire ?? []) as readonly z.output<S>[],
    encode: (value) => [...value] as z.output<S>[],
  });
}

/** A list that stands on the wire only when there is one; null means the same as a missing one. */
export function optionalList<S extends z.ZodType>(schema: S) {
  return z.codec(arrayOf(schema).nullish(), z.array(z.custom<z.output<S>>()).optional(), {
    decode: (wire) => wire ?? undefined,
    encode: (value) => value,
  });
}

/** A list that stays null when it is null or missing, as Go writes one that was never made. */
export function nullableList<S extends z.ZodType>(schema: S) {
  return z.codec(arrayOf(schema).nullish(), z.custom<readonly z.output<S>[] | null>(isListOrNull), {
    decode: (wire) => (wire ?? null) as readonly z.output<S>[] | null,
    encode: (value) => (value === null ? null : ([...value] as z.output<S>[])),
  });
}

function isListOrNull(value: unknown): boolean {
  return value === null || Array.isArray(value);
}

/**
 * An object that our code only passes on, in its wire form: checked, without unknown keys and with all known ones.
 * What an older version stored unchecked is passed on as an empty one, since one such object would spoil a whole list.
 */
export function passedOn<S extends z.ZodType>(schema: S) {
  const complete = (known: z.output<S>) => z.encode(schema, known) as Readonly<Record<string, unknown>>;
  return z.codec(schema.nullish(), z.custom<Readonly<Record<string, unknown>>>(isObject).nullish(), {
    decode: (known) => (known === undefined || known === null ? undefined : complete(known as z.output<S>)),
    encode: (value) => {
      if (value === undefined || value === null) return value;
      const known = z.safeDecode(schema, value as z.input<S>);
      return known.success ? known.data : z.decode(schema, {} as z.input<S>);
    },
  });
}

/** A map from text to values that may be missing or null on the wire; empty then. */
export function map<S extends z.ZodType>(schema: S) {
  return z.codec(
    recordOf(schema).nullish(),
    z.custom<Readonly<Record<string, z.output<S>>>>(isObject, 'expected an object'),
    {
      decode: (wire) => (wire ?? {}) as Record<string, z.output<S>>,
      encode: (value) => value as Record<string, z.output<S>>,
    },
  );
}

/**
 * Bytes: base64 text on the wire; a list of numbers from 0 to 255 is read too, which is how some clients write them.
 * Missing or null means empty.
 */
export const bytes = z.codec(
  z.union([z.base64(), arrayOf(z.number().int().min(0).max(255))]).nullish(),
  z.instanceof(Uint8Array),
  {
    decode: (wire) => new Uint8Array(typeof wire === 'string' ? Buffer.from(wire, 'base64') : (wire ?? [])),
    encode: (value) => Buffer.from(value).toString('base64'),
  },
);

/** Go's zero time, which Colonies writes for a time that is not set. */
export const UNSET_TIME = '0001-01-01T00:00:00Z';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/u;

/**
 * RFC 3339 on the wire, in any zone and with up to nanoseconds, of which milliseconds are kept; a year of 1 or less
 * (in any zone) means "not set". Written in UTC.
 */
export const time = z.codec(z.string().nullish(), z.date().optional(), {
  decode: (wire, context) => {
    const written = wire ?? UNSET_TIME;
    const date = new Date(written);
    if (!RFC_3339.test(written) || Number.isNaN(date.getTime())) {
      context.issues.push({ code: 'custom', message: 'expected a time in RFC 3339', input: wire });
      return z.NEVER;
    }
    return date.getUTCFullYear() <= 1 ? undefined : date;
  },
  encode: (date) => date?.toISOString() ?? UNSET_TIME,
});

/** A numbered word, such as a state: the number stands on the wire. */
export function numbered<const W extends readonly string[]>(words: W) {
  type Word = W[number];
  return z.codec(
    z
      .number()
      .int()
      .min(0)
      .max(words.length - 1),
    z.custom<Word>((value) => words.includes(value as Word)),
    { decode: (index) => words[index] as Word, encode: (word) => words.indexOf(word) },
  );
}
