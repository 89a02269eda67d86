import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteCollector } from '../../colony/byte-collector.ts';

function collect(parts: readonly Uint8Array[]): ByteCollector {
  const bytes = new ByteCollector();
  for (const part of parts) bytes.add(part);
  return bytes;
}

test('parts of any lengths are joined in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 })), (parts) => {
      const bytes = collect(parts);
      expect(bytes.join().equals(Buffer.concat(parts))).toBe(true);
      expect(bytes.byteCount).toBe(Buffer.concat(parts).length);
    }),
    { seed: 1 },
  );
});

test('a body that comes byte by byte is copied together, so that nothing is held for each byte', () => {
  const byte = new Uint8Array([7]);
  const bytes = collect([new Uint8Array([1]), ...Array.from({ length: 200_000 }, () => byte)]);
  // What is held is a copy: a part that was kept would show this.
  byte.fill(0);
  expect(bytes.join().equals(Buffer.concat([Buffer.from([1]), Buffer.alloc(200_000, 7)]))).toBe(true);
});

test('no part at all is an empty body', () => {
  expect(collect([]).join()).toHaveLength(0);
});
