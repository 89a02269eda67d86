import { open } from 'node:fs/promises';
import { tryParseDecimal } from '../decimal.ts';
import { DataError } from '../errors.ts';

const MAX_HEADER_BYTES = 1 << 20;

/**
 * Reads the column names in the first line of a CSV file (RFC 4180; a byte order mark is ignored).
 *
 * We read it ourselves instead of letting DuckDB guess: a file without a header would otherwise turn its first
 * patient into column names, which errors list.
 *
 * @throws DataError `EMPTY` when the file is empty; `SOURCE_MALFORMED` when the line is not
 *   well-formed, does not end within 1 MiB, or names are empty, repeated or numbers
 */
export async function readCsvHeader(path: string, delimiter: string, description: string): Promise<string[]> {
  const start = await readStart(path);
  if (start.trim() === '') throw new DataError('EMPTY', `${description}: the file is empty`);
  const names = splitHeader(start, delimiter);
  if (names === undefined) throw malformed(description, 'the first line is not well-formed or longer than 1 MiB');
  if (names.some((name) => name.includes('\uFFFD') || name.includes('\0'))) {
    throw malformed(description, 'the first line is not UTF-8 text');
  }
  if (names.some((name) => tryParseDecimal(name) !== undefined)) {
    throw malformed(description, 'the first line holds numbers instead of column names');
  }
  if (names.includes('')) throw malformed(description, 'the first line has a column without name');
  // DuckDB does not tell names apart that differ in capital letters only.
  const distinct = new Set(names.map((name) => name.toLowerCase()));
  if (distinct.size < names.length) throw malformed(description, 'two columns have the same name');
  return names;
}

function malformed(description: string, problem: string): DataError {
  return new DataError(
    'SOURCE_MALFORMED',
    `${description}: ${problem}; expected a first line of distinct column names`,
  );
}

async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '') + (bytesRead < MAX_HEADER_BYTES ? '\n' : '');
  } finally {
    await file.close();
  }
}

function splitHeader(text: string, delimiter: string): string[] | undefined {
  const names: string[] = [];
  let position = 0;
  for (;;) {
    const { name, end } = nextField(text, position, delimiter);
    names.push(name);
    const separator = text[end];
    if (separator === '\n' || separator === '\r') return names;
    if (separator !== delimiter) return undefined;
    position = end + 1;
  }
}

function nextField(text: string, start: number, delimiter: string): { name: string; end: number } {
  const quoted = /"((?:[^"]|"")*)"/y;
  quoted.lastIndex = start;
  const match = quoted.exec(text);
  if (match) return { name: (match[1] ?? '').replaceAll('""', '"'), end: quoted.lastIndex };
  let end = start;
  while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return { name: text.slice(start, end), end };
}
