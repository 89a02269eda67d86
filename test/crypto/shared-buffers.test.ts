import { expect, test } from 'vitest';
import { SharedBuffers } from '../../crypto/paillier/shared-buffers.ts';

test('a buffer that was given back is used again, wiped and at any length that fits', () => {
  const buffers = new SharedBuffers();
  const first = buffers.take(5000).fill(7);
  buffers.give(first);
  const second = buffers.take(6000);
  expect(second.buffer).toBe(first.buffer);
  expect(second).toHaveLength(6000);
  expect(second.every((byte) => byte === 0)).toBe(true);
  expect(buffers.take(6000).buffer).not.toBe(first.buffer);
});

test('buffers of other sizes, or beyond the limit, are not kept', () => {
  const buffers = new SharedBuffers();
  const small = buffers.take(0);
  expect(small).toHaveLength(0);
  buffers.give(small);
  expect(buffers.take(1).buffer).toBe(small.buffer);
  const large = buffers.take(2 ** 25 + 1);
  buffers.give(large);
  expect(buffers.take(2 ** 25 + 1).buffer).not.toBe(large.buffer);
  const own = buffers.take(10);
  buffers.give(own);
  buffers.clear();
  expect(buffers.take(10).buffer).not.toBe(own.buffer);
});
