import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import {
  BLOB_THRESHOLD_BYTES,
  openBlobStore,
  openVector,
  storeVector,
  VectorDocument,
  withBlobs,
} from '../../colony/index.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { CiphertextVectorText } from '../../colony/values.ts';
import { CiphertextVector, encryptVector, sumStream, sumVector } from '../../crypto/paillier/index.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';
import { testKeyPair } from '../support/keys.ts';

const ELEMENT_BYTES = 512;
/** As many ciphertexts of 512 bytes as just do, and just do not, travel in the text. */
const MOST_INLINE = BLOB_THRESHOLD_BYTES / ELEMENT_BYTES;

/** A vector of numbers that need not be ciphertexts: nothing here computes with them. */
function vectorOf(count: number, fill = 7): CiphertextVector {
  return new CiphertextVector({
    keyId: 'ab'.repeat(32),
    scaleBits: 0,
    count,
    packing: null,
    summands: 1n,
    context: 'run/node/0',
    data: new Uint8Array(count * ELEMENT_BYTES).fill(fill),
  });
}

function storeOf(colony: TestColony) {
  const client = createColoniesClient({ server: colony.address, identity: colony.user });
  return openBlobStore({ client, colonyName: colony.colonyName });
}

describe('a vector', () => {
  test('travels in its text up to 256 KiB, and as a blob above, seen by nobody who uses the codec', async () => {
    await using colony = await startTestColony();
    const store = storeOf(colony);
    for (const count of [1, MOST_INLINE, MOST_INLINE + 1]) {
      const vector = vectorOf(count);
      const text = await withBlobs(store, () => z.encodeAsync(CiphertextVectorText, vector));
      expect(text.includes('"blob":"sha256:')).toBe(count > MOST_INLINE);
      const back = await withBlobs(store, () => z.decodeAsync(CiphertextVectorText, text));
      expect(back.toJson()).toBe(vector.toJson());
    }
  });

  test('does so at whatever depth of another codec', async () => {
    await using colony = await startTestColony();
    const store = storeOf(colony);
    const Inputs = z.array(z.object({ name: z.string(), vector: CiphertextVectorText }));
    const inputs = [
      { name: 'large', vector: vectorOf(MOST_INLINE + 1) },
      { name: 'small', vector: vectorOf(1) },
    ];
    const wire = await withBlobs(store, () => z.encodeAsync(Inputs, inputs));
    expect(JSON.stringify(wire).length).toBeLessThan(3000);
    const back = await withBlobs(store, () => z.decodeAsync(Inputs, wire));
    expect(back.map(({ vector }) => vector.toJson())).toEqual(inputs.map(({ vector }) => vector.toJson()));
  });

  test('stays in its text, and is read without waiting, where no storage is at hand', () => {
    const vector = vectorOf(MOST_INLINE + 1);
    expect(z.decode(CiphertextVectorText, z.encode(CiphertextVectorText, vector)).toJson()).toBe(vector.toJson());
  });

  test('in a blob is refused where no storage is at hand', () => {
    const text = JSON.stringify({ ...vectorOf(1).header, data: { blob: `sha256:${'00'.repeat(32)}`, bytes: 512 } });
    const read = z.safeDecode(CiphertextVectorText, text);
    expect(read.error?.message).toContain('got a reference to a blob where no storage is at hand');
  });

  test.each([
    ['more than is held as a whole', { bytes: 2 ** 40 }, /at most 536870912 bytes of values that are held as a whole/u],
    ['a blob that is no whole number of ciphertexts', { count: 3 }, /expected 3 ciphertexts of equal width/u],
    ['a header with something else in it', { extra: true }, /ctvec: /u],
    ['a name of another kind', { blob: 'md5:00' }, /ctvec: data/u],
  ])('that refers to %s is refused', async (_what, changes, words) => {
    await using colony = await startTestColony();
    const store = storeOf(colony);
    const reference = await store.put(Buffer.alloc(1000));
    const {
      bytes = reference.bytes,
      blob = reference.blob,
      ...header
    } = { bytes: undefined, blob: undefined, ...changes };
    const text = JSON.stringify({ ...vectorOf(1).header, ...header, data: { blob, bytes } });
    const read = await withBlobs(store, () => z.safeDecodeAsync(CiphertextVectorText, text));
    expect(read.error?.message).toMatch(words);
  });

  test('whose blob is missing is a failure of the storage, not of the value', async () => {
    await using colony = await startTestColony();
    const text = JSON.stringify({ ...vectorOf(1).header, data: { blob: `sha256:${'00'.repeat(32)}`, bytes: 512 } });
    const reading = withBlobs(storeOf(colony), () => z.safeDecodeAsync(CiphertextVectorText, text));
    await expect(reading).rejects.toMatchObject({ name: 'ServerError', status: 404 });
  });
});

describe('a vector that is streamed', () => {
  test.each([1, MOST_INLINE, MOST_INLINE + 1, 3 * MOST_INLINE])(
    'of %d ciphertexts comes back as it was',
    async (count) => {
      await using colony = await startTestColony();
      const store = storeOf(colony);
      const { header, data } = vectorOf(count);
      const stored = await storeVector(store, header, inPieces(data, 100_000));
      const text = z.encode(VectorDocument, stored);
      expect(text.includes('"blob":"sha256:')).toBe(count > MOST_INLINE);
      const document = z.decode(VectorDocument, text);
      expect(document.header).toEqual(header);
      const parts: Uint8Array[] = [];
      for await (const part of openVector(store, document)) parts.push(part);
      expect(Buffer.concat(parts).equals(data)).toBe(true);
    },
  );

  test('is summed without being held', async () => {
    await using colony = await startTestColony();
    const store = storeOf(colony);
    const { publicKey } = await testKeyPair(2048);
    const one = await encryptVector(publicKey, [1n, 2n, 3n], { scaleBits: 0 });
    const many = Buffer.concat(Array.from({ length: 200 }, () => one.data));
    const document = await storeVector(store, { ...one.header, count: 600 }, inPieces(many, 70_000));
    const { sum, count } = await sumStream(publicKey, openVector(store, document));
    const whole = await sumVector(publicKey, CiphertextVector.join({ ...one.header, count: 600 }, many));
    expect([sum, count]).toEqual([whole.ciphertexts()[0], 600]);
  });

  test.each(['', '{}', '[]', 'null', '{"data":{"blob":"sha256:00"}}', 'not JSON "sha256:'])(
    'is not read from %j',
    (text) => {
      expect(z.safeDecode(VectorDocument, text).success).toBe(false);
    },
  );
});

async function* inPieces(content: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.length; start += length) yield content.subarray(start, start + length);
}
