/**
 * Something that is JSON text already. What is asked for often is put together from the texts that are stored, because
 * decoding and encoding them again takes longer than everything else that an answer needs.
 */
export class JsonText {
  readonly text: string;
  /** What is stored of it for whoever asks again: the text itself, or something from which it can be made again. */
  readonly kept: string;

  /** @param text the JSON text of one value */
  constructor(text: string, kept: string = text) {
    this.text = text;
    this.kept = kept;
  }
}

/** A list of such values. */
export function listOf(items: readonly JsonText[]): JsonText {
  return new JsonText(`[${items.map(({ text }) => text).join(',')}]`);
}

/**
 * A stored text, once it is clear that it is JSON: what is no JSON would take the rest of an answer along.
 *
 * @throws SyntaxError when it is none
 */
export function requireJson(text: string): string {
  if (text !== '[]') JSON.parse(text);
  return text;
}
