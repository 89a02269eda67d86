/** How a JSON text is built, whatever it says. */
export interface JsonShape {
  /** How deep arrays and objects are nested. */
  readonly depth: number;
  /** How many commas separate elements and members. */
  readonly commaCount: number;
  /**
   * How long it takes to read and decode, more or less, in elements of a list of small numbers: each takes about a tenth
   * of a microsecond to read and another one to store; what {@link PART_WEIGHT} counts takes five times as long.
   */
  readonly weight: number;
  /** Whether there is an integer whose digits a double may change, or a number that may be larger than all doubles. */
  readonly hasLongNumber: boolean;
}

const [COMMA, COLON, OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...Buffer.from(',:[\\]{}')];
/** The code of the character around texts. */
export const QUOTE = 0x22;

/** What a list, an object, a key, and a number whose digits have to be kept weigh beside the comma before them. */
export const PART_WEIGHT = 5;

/** Doubles keep the digits of all integers that have so many. */
const SAFE_DIGITS = 15;
/** No double has more digits before the point. */
const MOST_DIGITS = 308;

/**
 * Measures a text before it is parsed: parsing what is nested deep takes many times as long as its length suggests.
 * Takes linear time for any text, JSON or not.
 */
export function shapeOf(text: string): JsonShape {
  let [depth, deepest, commaCount, partCount, longCount] = [0, 0, 0, 0, 0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    switch (code) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        commaCount += 1;
        break;
      case COLON:
        partCount += 1;
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1;
        partCount += 1;
        deepest = Math.max(deepest, depth);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      default:
        if (isDigit(code)) {
          const start = at;
          at = endOfNumber(text, at);
          if (isLong(text, start, at + 1)) longCount += 1;
        }
    }
  }
  const weight = commaCount + PART_WEIGHT * (partCount + longCount);
  return { depth: deepest, commaCount, weight, hasLongNumber: longCount > 0 };
}

/** Whether a character, by its code, is one of 0 to 9. */
export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** The last character of the number of which `start` is a digit. */
export function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (isInNumber(text.charCodeAt(end))) end += 1;
  return end - 1;
}

/** Digits, and the signs `+` `-` `.` `E` `e`. */
function isInNumber(code: number): boolean {
  return isDigit(code) || code === 0x2b || code === 0x2d || code === 0x2e || code === 0x45 || code === 0x65;
}

function isLong(text: string, start: number, end: number): boolean {
  let isInteger = true;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x45 || code === 0x65) return true;
    if (code === 0x2e) isInteger = false;
  }
  return end - start > (isInteger ? SAFE_DIGITS : MOST_DIGITS);
}

/** Where the string ends that starts at `start`; the end of the text when it does not end. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    // A quote after an odd number of backslashes belongs to the string.
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
