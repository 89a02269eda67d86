/* oxlint-disable typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- what is stored was checked when it was written */
import { randomFillSync } from 'node:crypto';
import { UNSET_TIME } from '../../colony/messages/wire.ts';
import { MAX_LIST_BYTES } from '../limits.ts';

const ID_BYTES = 32;
/** Random bytes for the next ids: one call for many costs no more than one for one. */
const pool = Buffer.alloc(ID_BYTES * 64);
let usedBytes = pool.length;

/** A fresh id for a process, workflow or function: 256 random bits, 64 lower-case hexadecimal characters. */
export function randomId(): string {
  if (usedBytes === pool.length) {
    randomFillSync(pool);
    usedBytes = 0;
  }
  usedBytes += ID_BYTES;
  return pool.toString('hex', usedBytes - ID_BYTES, usedBytes);
}

/** The last moment that a date can hold (ECMA-262, 21.4.1.1), in milliseconds since 1970. */
const LAST_MOMENT_MS = 8.64e15;

/** A moment of the store (milliseconds since 1970, NULL when not set) as a date. What no date can hold counts as not set. */
export function toDate(milliseconds: number | null): Date | undefined {
  return milliseconds === null || Math.abs(milliseconds) > LAST_MOMENT_MS ? undefined : new Date(milliseconds);
}

/** A moment of the store as it stands on the wire. */
export function toWireTime(milliseconds: number | null): string {
  return toDate(milliseconds)?.toISOString() ?? UNSET_TIME;
}

/** The first ones of a list that fit into an answer; one at least. */
export function fitting<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  maxBytes: number = MAX_LIST_BYTES,
): readonly T[] {
  let byteCount = 0;
  const end = items.findIndex((item, index) => (byteCount += bytesOf(item)) > maxBytes && index > 0);
  return end === -1 ? items : items.slice(0, end);
}

/** A JSON text of the store. What it holds was checked when it was written. */
export function parseStored<T>(json: string): T {
  return JSON.parse(json) as T;
}
