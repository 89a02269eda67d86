import * as z from 'zod';

/** A protocol object as it stands on the wire, which is how `--json` prints it: the form of the official command line. */
export function toWire<T>(codec: z.ZodType<T>, value: T): unknown {
  return z.encode(codec, value);
}

/** A list of protocol objects as it stands on the wire. */
export function listToWire<T>(codec: z.ZodType<T>, values: readonly T[]): unknown[] {
  return values.map((value) => toWire(codec, value));
}
