/** Control and format characters (such as ESC, NUL and marks that turn the direction of text), halves of characters, line ends. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Whether a text shows as what it is, on one line, wherever it is printed. */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}
