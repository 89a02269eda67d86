import { expect, test } from 'vitest';
import * as z from 'zod';
import { formatIssues } from '../../colony/schema-errors.ts';

const kwargs = z.object({
  'paillier-pubkey': z.base64(),
  column: z.enum(['age', 'chol']).optional(),
  bits: z.number().min(2048).optional(),
  rows: z.array(z.object({ value: z.number() })).optional(),
});

function refusal(schema: z.ZodType, received: unknown, where?: string): string {
  const parsed = schema.safeParse(received);
  if (parsed.success) throw new Error('expected a refusal');
  return formatIssues(parsed.error, received, where);
}

test.each([
  [{}, 'kwargs.paillier-pubkey: expected string, got nothing'],
  [{ 'paillier-pubkey': 5 }, 'kwargs.paillier-pubkey: expected string, got number'],
  [{ 'paillier-pubkey': 'no base64!' }, 'kwargs.paillier-pubkey: expected base64 text, got text of 10 characters'],
  [{ 'paillier-pubkey': '', column: 'name' }, 'kwargs.column: expected one of age, chol, got text of 4 characters'],
  [{ 'paillier-pubkey': '', bits: 1024 }, 'kwargs.bits: Too small: expected number to be >=2048'],
  [{ 'paillier-pubkey': '', rows: [{ value: [1, 2] }] }, 'kwargs.rows.0.value: expected number, got a list of 2'],
  ['text', 'kwargs: expected object, got text of 4 characters'],
])('%j: the field is named with what was expected', (received, words) => {
  expect(refusal(kwargs, received, 'kwargs')).toBe(words);
});

test('a pattern says in its own words what it expects', () => {
  expect(refusal(z.string().regex(/^a+$/, 'expected letters a'), 'b', 'text')).toBe('text: expected letters a');
});

test('every refused field is named', () => {
  expect(refusal(kwargs, { 'paillier-pubkey': null, bits: '1' })).toBe(
    'paillier-pubkey: expected string, got null; bits: expected number, got text of 1 characters',
  );
});

test('a refused value is never shown', () => {
  const schemas = [
    z.number(),
    z.enum(['a']),
    z.literal('a'),
    z.base64(),
    z.email(),
    z.iso.date(),
    z.strictObject({}),
    z.url(),
  ];
  const words = schemas.map((schema) => refusal(schema, 'patient-4711'));
  expect(words.join('\n')).not.toContain('4711');
  expect(refusal(z.union([z.boolean(), z.number()]), 'patient-4711')).toBe(
    'expected one of several forms, got text of 12 characters',
  );
});
