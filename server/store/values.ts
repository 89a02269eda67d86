/* oxlint-disable typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- what is stored was checked when it was written */
import { randomBytes } from 'node:crypto';

/** A fresh id for a process, workflow or function: 256 random bits, 64 lower-case hexadecimal characters. */
export function randomId(): string {
  return randomBytes(32).toString('hex');
}

/** A moment of the store (milliseconds since 1970, NULL when not set) as a date. */
export function toDate(milliseconds: number | null): Date | undefined {
  return milliseconds === null ? undefined : new Date(milliseconds);
}

/** A JSON text of the store. What it holds was checked when it was written. */
export function parseStored<T>(json: string): T {
  return JSON.parse(json) as T;
}
