/** How a JSON text is built, whatever it says. */
export interface JsonShape {
  /** How deep arrays and objects are nested. */
  readonly depth: number;
  /** How many commas separate elements and members. */
  readonly commaCount: number;
}

const [QUOTE, COMMA, OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...Buffer.from('",[\\]{}')];

/**
 * Measures a text before it is parsed: parsing what is nested deep takes many times as long as its length suggests.
 * Takes linear time for any text, JSON or not.
 */
export function shapeOf(text: string): JsonShape {
  let [depth, deepest, commaCount] = [0, 0, 0];
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        commaCount += 1;
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        depth += 1;
        deepest = Math.max(deepest, depth);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      default:
    }
  }
  return { depth: deepest, commaCount };
}

/** Where the string ends that starts at `start`; the end of the text when it does not end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    // A quote after an odd number of backslashes belongs to the string.
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}
