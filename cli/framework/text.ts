/**
 * Text from the server or a file, safe to write to a terminal: control characters other than line feed and tab become
 * visible escapes, so that a log line cannot move the cursor or rename the window.
 */
export function printable(text: string): string {
  return text.replaceAll(CONTROL_CHARACTERS, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

const CONTROL_CHARACTERS =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A JSON document with the same characters as escapes of JSON, so that it means what it did. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** As {@link printable}, on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');
}

/** Text whose further lines are indented, so that they cannot be taken for lines of their own. */
export function indentRest(text: string): string {
  return text.trimEnd().replaceAll(/\r?\n/gu, '\n    ');
}

/** Text of at most `width` characters; what is cut off shows as an ellipsis. */
export function shorten(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** As {@link shorten}; what was cut says how long it is as a whole, within `width`, too. */
export function shortenWithLength(text: string, width: number): string {
  const length = textWidth(text);
  if (length <= width) return text;
  const note = ` (${length} characters)`;
  return shorten(text, width - note.length) + note;
}

/** Number of characters, counting those outside the basic plane once. */
export function textWidth(text: string): number {
  return Array.from(text).length;
}

/** A time as `2026-11-20 08:53:44` in UTC, or a dash when it is not set. */
export function formatTime(time: Date | undefined): string {
  return time === undefined ? '-' : time.toISOString().slice(0, 19).replace('T', ' ');
}

/** As {@link formatTime}, with the zone, for where no title names it. */
export function formatMoment(time: Date | undefined): string {
  return time === undefined ? '-' : `${formatTime(time)} UTC`;
}

/** A duration with a fitting unit. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 120_000) return `${(durationMs / 1000).toFixed(1)} s`;
  return durationMs < 7_200_000 ? `${Math.round(durationMs / 60_000)} min` : `${(durationMs / 3_600_000).toFixed(1)} h`;
}

/** Any JSON value on one line: text as it is, everything else as JSON. */
export function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
