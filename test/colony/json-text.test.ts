import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findJsonFault, parseJson } from '../../colony/json-text.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ['', 1, 1, 'a value'],
  ['{', 1, 2, 'a name in double quotes or "}"'],
  ['[1,]', 1, 4, 'a value'],
  ['[\n  {"a": 1,}\n]', 2, 11, 'a name in double quotes'],
  ["{'a': 1}", 1, 2, 'a name in double quotes or "}"'],
  ['{"a" 1}', 1, 6, '":"'],
  ['[1 2]', 1, 4, '"," or the end of the list or object'],
  ['[1}', 1, 3, '"," or the end of the list or object'],
  ['[] []', 1, 4, 'nothing more'],
  ['["unfinished]', 1, 2, 'a value or "]"'],
  ['[01]', 1, 3, '"," or the end of the list or object'],
  ['// comment\n[]', 1, 1, 'a value'],
])('in %j the fault is in line %i, column %i: expected %s', (text, line, column, expected) => {
  expect(findJsonFault(text)).toEqual({ line, column, expected });
  expect(() => parseJson(text, 'w.json')).toThrow(`w.json:${line}:${column}: expected ${expected}; this is not JSON`);
});

test('a byte order mark, as some editors write it, is no fault', () => {
  expect(parseJson('\uFEFF[1]', 'w.json')).toEqual([1]);
});

test('deep nesting exhausts nothing', () => {
  expect(findJsonFault('['.repeat(200_000))?.column).toBe(200_001);
});

test('a fault is found exactly where JSON.parse finds one', () => {
  const mutated = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', ']', '}', '"', ':', '1', ' ', '\\', '\n', '-', 'e', 'true'))
    .map(([json, position, inserted]) => {
      const at = position % (json.length + 1);
      return json.slice(0, at) + inserted + json.slice(inserted === '' ? at + 1 : at);
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' }), fc.json()), (text) => {
      expect(findJsonFault(text) === undefined).toBe(isJson(text));
    }),
    { seed: 3, numRuns: 5000 },
  );
});
