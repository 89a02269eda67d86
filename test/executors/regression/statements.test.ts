import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { generateIdentity } from '../../../colony/identity.ts';
import { openStatementBy, statementBy } from '../../../executors/regression/daemons/statements.ts';
import { TerminalError } from '../../../colony/errors.ts';

const party = { name: 'x1', identity: generateIdentity() };
const stranger = { name: 'x1', identity: generateIdentity() };
const digest = 'a'.repeat(64);
const expected = { about: 'forward', party: 'x1', iteration: 3, attempt: 1 } as const;
const place = { about: 'forward', iteration: 3, attempt: 1 } as const;

/** The code with which a statement is refused; its text where it is not. */
function outcomeOf(input: string, training = digest): string {
  try {
    return openStatementBy(input, training, expected, party.identity.id);
  } catch (error) {
    if (error instanceof TerminalError) return error.code ?? '';
    throw error;
  }
}

test('a statement tells its text to whoever knows the id of its party and where it should stand', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(outcomeOf(statementBy(party, digest, place, text))).toBe(text);
    }),
    { seed: 1, numRuns: 50 },
  );
});

test.each([
  ['something unsigned', '{"v":1,"kind":"stopped","reason":"converged","iteration":1}', 'BAD_SIGNATURE'],
  ['a stranger', statementBy(stranger, digest, place, 'text'), 'BAD_SIGNATURE'],
  ['another training', statementBy(party, 'b'.repeat(64), place, 'text'), 'WRONG_RUN'],
  ['another matter', statementBy(party, digest, { ...place, about: 'gradient' }, 'text'), 'WRONG_ROUND'],
  ['another iteration', statementBy(party, digest, { ...place, iteration: 2 }, 'text'), 'STALE_CONTEXT'],
  ['another attempt', statementBy(party, digest, { ...place, attempt: 0 }, 'text'), 'WRONG_ATTEMPT'],
  ['another party', statementBy({ ...party, name: 'x2' }, digest, place, 'text'), 'WRONG_PARTY'],
])('a statement of %s is refused by name', (_what, input, code) => {
  expect(outcomeOf(input)).toBe(code);
});

test('whatever is changed in a statement, it no longer counts', () => {
  const genuine = JSON.parse(statementBy(party, digest, { about: 'forward', iteration: 7 }, 'text'));
  const changes = [
    { text: 'other' },
    { iteration: 3, attempt: 1 },
    { signature: `${'0'.repeat(129)}1` },
    { signature: genuine.signature.replace(/^../, '11') },
    { training: 'b'.repeat(64) },
  ];
  for (const change of changes) {
    expect(outcomeOf(JSON.stringify({ ...genuine, attempt: 1, iteration: 3, ...change }))).toMatch(
      /^(BAD_SIGNATURE|WRONG_RUN)$/,
    );
  }
});
