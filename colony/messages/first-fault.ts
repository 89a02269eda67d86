/* oxlint-disable no-underscore-dangle, typescript/unbound-method -- `_zod` is what zod offers to schemas of one's own */
import * as z from 'zod';

/**
 * Lists and maps that are read up to the first element that does not fit. A fault takes far more time and memory than an
 * element; with `z.array` and `z.record`, which collect all of them, a message of a million could keep a server busy for a
 * second, and an answer have a daemon run out of memory.
 */

/** `z.array` that names the first fault only. */
export function arrayOf<S extends z.ZodType>(element: S): z.ZodArray<S> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of this element
  return new FirstFaultArray({ type: 'array', element }) as unknown as z.ZodArray<S>;
}

/** `z.record` with texts as keys that names the first fault only. */
export function recordOf<S extends z.ZodType>(valueType: S): z.ZodRecord<z.ZodString, S> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made of these types
  return new FirstFaultRecord({ type: 'record', keyType: z.string(), valueType }) as unknown as z.ZodRecord<
    z.ZodString,
    S
  >;
}

const initArray: (schema: z.ZodArray, definition: z.core.$ZodArrayDef) => void = z.ZodArray.init;
const initRecord: (schema: z.ZodRecord, definition: z.core.$ZodRecordDef) => void = z.ZodRecord.init;

const FirstFaultArray = z.core.$constructor(
  'FirstFaultArray',
  (schema: z.ZodArray, definition: z.core.$ZodArrayDef) => {
    initArray(schema, definition);
    const { element: type } = definition;
    // Of these none is at fault, and there may be many.
    if (type instanceof z.ZodUnknown) return;
    const readAll = schema._zod.parse;
    schema._zod.parse = (payload, context) => {
      if (!Array.isArray(payload.value)) return readAll(payload, context);
      const values: unknown[] = [];
      for (const [index, element] of payload.value.entries()) {
        const read = readOne(type, element, context);
        if (read.issues.length > 0) return withFault(payload, index, read);
        values.push(read.value);
      }
      payload.value = values;
      return payload;
    };
  },
);

const FirstFaultRecord = z.core.$constructor(
  'FirstFaultRecord',
  (schema: z.ZodRecord, definition: z.core.$ZodRecordDef) => {
    initRecord(schema, definition);
    const readAll = schema._zod.parse;
    schema._zod.parse = (payload, context) => {
      if (!z.core.util.isPlainObject(payload.value)) return readAll(payload, context);
      const values: Record<string, unknown> = {};
      for (const [key, value] of Object.entries(payload.value)) {
        // As with `z.record`: it would become the prototype.
        if (key === '__proto__') continue;
        const read = readOne(definition.valueType, value, context);
        if (read.issues.length > 0) return withFault(payload, key, read);
        values[key] = read.value;
      }
      payload.value = values;
      return payload;
    };
  },
);

function readOne(type: z.core.$ZodType, value: unknown, context: z.core.ParseContextInternal): z.core.ParsePayload {
  const read = type._zod.run({ value, issues: [] }, context);
  if (read instanceof Promise) throw new z.core.$ZodAsyncError();
  return read;
}

function withFault<P extends z.core.ParsePayload>(payload: P, key: PropertyKey, { issues }: z.core.ParsePayload): P {
  payload.issues.push(...z.core.util.prefixIssues(key, issues));
  return payload;
}
