/** Checks of what crosses the engine's interface. Messages name lengths only, never contents. */

/** Checks the width of a flat buffer. @throws RangeError */
export function expectLength(where: string, what: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) {
    throw new RangeError(`${where}: expected ${what} of ${expected} bytes, got ${bytes.length}`);
  }
}

/** How many numbers of `width` bytes a flat buffer holds. @throws RangeError when it is not a whole count */
export function countOf(where: string, what: string, bytes: Uint8Array, width: number): number {
  if (bytes.length % width !== 0) {
    throw new RangeError(`${where}: expected ${what} of ${width} bytes each, got ${bytes.length} bytes`);
  }
  return bytes.length / width;
}

/** Checks an integer parameter. @throws RangeError */
export function expectInteger(where: string, what: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(`${where}: expected ${what} from ${least} to ${most}, got ${value}`);
  }
}
