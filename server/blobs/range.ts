/** A part of a blob: the first and the last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range of bytes that a header asks for (RFC 9110, section 14.2), of something `length` bytes long.
 *
 * @returns undefined where the header is missing or to be ignored: another unit, several ranges, nonsense;
 * `unsatisfiable` when nothing lies in the range
 */
export function parseRange(header: string | undefined, length: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/u.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return within({ start: Math.max(0, length - Number(last)), end: length - 1 }, length);
  const end = last === '' ? length - 1 : Number(last);
  if (last !== '' && end < Number(first)) return undefined;
  return within({ start: Number(first), end: Math.min(end, length - 1) }, length);
}

function within(range: ByteRange, length: number): ByteRange | 'unsatisfiable' {
  return range.start < length ? range : 'unsatisfiable';
}
