import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addVectors,
  CiphertextVector,
  decryptVector,
  dotVector,
  encrypt,
  encryptVector,
  encryptVectorAsOwner,
  planPacking,
  publicKeyFromModulus,
  rerandomizeVector,
  scaleVector,
  sumStream,
  sumVector,
  validateVector,
} from '../../crypto/paillier/index.ts';
import { testKeyPair } from '../support/keys.ts';

const { publicKey, privateKey } = await testKeyPair(2048);
const short = await testKeyPair(1024);
const width = 512;
const plan = planPacking({ keyBits: 2048, magnitude: 1000n, summands: 3, weightBits: 3 });
const check = { seed: 1, numRuns: 5 };
const values = fc.array(fc.bigInt({ min: -1000n, max: 1000n }), { maxLength: 200 });

test.each([null, plan])('a vector decrypts to its values, packed or not', async (packing) => {
  await fc.assert(
    fc.asyncProperty(
      packing ? values : fc.array(fc.bigInt({ min: -1000n, max: 1000n }), { maxLength: 9 }),
      async (list) => {
        const vector = await encryptVector(publicKey, list, { scaleBits: 40, packing, context: 'run/1' });
        expect(vector).toMatchObject({ count: list.length, scaleBits: 40, context: 'run/1', summands: 1n });
        expect(await decryptVector(privateKey, CiphertextVector.parse(vector.toJson()))).toEqual(list);
        const owned = await encryptVectorAsOwner(privateKey, list, { scaleBits: 40, packing });
        expect(await decryptVector(privateKey, owned)).toEqual(list);
      },
    ),
    check,
  );
});

test('many small values to a ciphertext come back, however many chunks they make', async () => {
  const flags = planPacking({ keyBits: 1024, magnitude: 1n, summands: 2 });
  const list = Array.from({ length: 70 * flags.slotsPerCiphertext + 5 }, (_, index) => BigInt(index % 3) - 1n);
  const vector = await encryptVector(short.publicKey, list, { scaleBits: 0, packing: flags });
  const progress: [done: number, total: number][] = [];
  const onProgress = (done: number, total: number): unknown => progress.push([done, total]);
  expect(await decryptVector(short.privateKey, vector, { onProgress })).toEqual(list);
  expect(progress.length).toBeGreaterThan(1);
  expect(progress).toEqual(progress.toSorted(([left], [right]) => left - right));
  expect(progress.filter(([done, total]) => done === total)).toEqual([[71, 71]]);
});

test('packed vectors add, scale and re-randomise value by value', async () => {
  const options = { scaleBits: 0, packing: plan };
  const left = await encryptVector(publicKey, [5n, -1000n, 0n], options);
  const right = await encryptVector(publicKey, [55n, -1000n, 7n], options);
  const sum = await addVectors(publicKey, [left, right], { context: 'sum' });
  expect(sum).toMatchObject({ summands: 2n, context: 'sum', count: 3 });
  expect(await decryptVector(privateKey, sum)).toEqual([60n, -2000n, 7n]);
  const scaled = await scaleVector(publicKey, sum, -12n);
  expect(await decryptVector(privateKey, scaled)).toEqual([-720n, 24_000n, -84n]);
  const fresh = await rerandomizeVector(publicKey, sum);
  expect(fresh.data).not.toEqual(sum.data);
  expect(await decryptVector(privateKey, fresh)).toEqual([60n, -2000n, 7n]);
});

test('adding more summands than planned is refused, also through factors and nested sums', async () => {
  const one = await encryptVector(publicKey, [1n], { scaleBits: 0, packing: plan });
  const eight = await scaleVector(publicKey, one, 8n);
  const full = await addVectors(publicKey, [eight, eight, eight]);
  expect(await decryptVector(privateKey, full)).toEqual([24n]);
  await expect(addVectors(publicKey, [full, one])).rejects.toThrow(/at most 24 summands .* got 25/);
  await expect(scaleVector(publicKey, full, 2n)).rejects.toThrow(RangeError);
});

test('unpacked vectors sum up and take dot products, with scales added', async () => {
  const vector = await encryptVector(short.publicKey, [3n, -4n, 5n], { scaleBits: 10 });
  const sum = await sumVector(short.publicKey, vector);
  expect(sum).toMatchObject({ count: 1, summands: 3n });
  expect(await decryptVector(short.privateKey, sum)).toEqual([4n]);
  const dot = await dotVector(short.publicKey, vector, [2n, -1n, 0n], { scalarScaleBits: 5 });
  expect(dot).toMatchObject({ count: 1, scaleBits: 15 });
  expect(await decryptVector(short.privateKey, dot)).toEqual([10n]);
});

test('operations that make no sense are refused', async () => {
  const packed = await encryptVector(publicKey, [1n], { scaleBits: 0, packing: plan });
  const single = await encryptVector(publicKey, [1n, 2n], { scaleBits: 0 });
  const empty = await encryptVector(publicKey, [], { scaleBits: 0 });
  await expect(sumVector(publicKey, packed)).rejects.toThrow(/packed vector/);
  await expect(sumVector(publicKey, empty)).rejects.toThrow(/empty vector/);
  await expect(dotVector(publicKey, single, [1n])).rejects.toThrow(/expected 2 scalars, got 1/);
  await expect(scaleVector(publicKey, single, 0n)).rejects.toThrow(/other than 0/);
  await expect(addVectors(publicKey, [])).rejects.toThrow(/at least one vector/);
  await expect(addVectors(publicKey, [single, packed])).rejects.toThrow(/vector 1: expected count 2/);
  await expect(addVectors(publicKey, [single, single.with({ scaleBits: 1 })])).rejects.toThrow(/expected scale 0/);
  await expect(encryptVector(publicKey, [1001n], { scaleBits: 0, packing: plan })).rejects.toThrow(/value 0/);
  await expect(encryptVector(short.publicKey, [1n], { scaleBits: 0, packing: plan })).rejects.toThrow(
    /at most 1023 bits/,
  );
});

test('a vector under another key is refused everywhere', async () => {
  const vector = await encryptVector(publicKey, [1n], { scaleBits: 0 });
  for (const operation of [
    () => decryptVector(short.privateKey, vector),
    () => addVectors(short.publicKey, [vector]),
    () => rerandomizeVector(short.publicKey, vector),
    () => validateVector(short.publicKey, vector),
  ]) {
    await expect(operation()).rejects.toThrow(/expected a vector under key/);
  }
});

test('a vector with numbers that are no ciphertexts is refused with the place of the first', async () => {
  const vector = await encryptVector(publicKey, [1n, 2n, 3n], { scaleBits: 0 });
  const tampered = (fill: (element: Uint8Array) => void): CiphertextVector => {
    const data = vector.data.slice();
    fill(data.subarray(width, 2 * width));
    return vector.with({ data });
  };
  const zero = tampered((element) => element.fill(0));
  await expect(validateVector(publicKey, zero, 'input 2')).rejects.toThrow(
    /input 2: ciphertext 1: expected a number in/,
  );
  await expect(
    decryptVector(
      privateKey,
      tampered((element) => element.fill(255)),
    ),
  ).rejects.toThrow(RangeError);
  const one = tampered((element) => element.fill(0).set([1], width - 1));
  await expect(validateVector(publicKey, one)).resolves.toBeUndefined();
  await expect(validateVector(publicKey, one, 'vector', { refuseUnmasked: true })).rejects.toThrow(
    /ciphertext 1.*masked/,
  );
  const n = Buffer.from(publicKey.n.toString(16), 'hex');
  const shared = tampered((element) => element.fill(0).set(n, width - n.length));
  await expect(validateVector(publicKey, shared)).rejects.toThrow(/ciphertext 1: expected a number coprime/);
});

test('progress is told and an aborted signal stops the work with its reason', async () => {
  const progress: [number, number][] = [];
  const onProgress = (done: number, total: number): void => void progress.push([done, total]);
  await encryptVector(short.publicKey, [1n, 2n], { scaleBits: 0, onProgress });
  expect(progress).toEqual([[2, 2]]);
  const signal = AbortSignal.abort(new Error('deadline'));
  await expect(encryptVector(publicKey, [1n], { scaleBits: 0, signal })).rejects.toThrow('deadline');
});

test('ciphertexts that stream in pieces of any length add up', async () => {
  const vector = await encryptVector(short.publicKey, [1n, 2n, 3n, 4n], { scaleBits: 0 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: vector.data.length })), async (cuts) => {
      const points = [0, ...cuts.sort((a, b) => a - b), vector.data.length];
      const pieces = points.slice(1).map((end, index) => vector.data.subarray(points[index], end));
      const { sum, count } = await sumStream(short.publicKey, pieces);
      expect([short.privateKey.decrypt(sum), count]).toEqual([10n, 4]);
    }),
    check,
  );
  await expect(sumStream(short.publicKey, [vector.data.subarray(0, 300)])).rejects.toThrow(/whole ciphertexts of 256/);
  await expect(sumStream(short.publicKey, [new Uint8Array(256)])).rejects.toThrow(/ciphertext 0: expected a number in/);
});

test('the same key in another object is the same key', async () => {
  const again = publicKeyFromModulus(publicKey.n, { blum: true });
  const vector = await encryptVector(again, [60n], { scaleBits: 0 });
  expect(await decryptVector(privateKey, vector)).toEqual([60n]);
});

test('the parser refuses everything but the wire form', async () => {
  const vector = await encryptVector(publicKey, [1n, 2n], { scaleBits: 4, context: 'a/b' });
  const wire: Record<string, unknown> = JSON.parse(vector.toJson());
  const changed = (change: Record<string, unknown>): string => JSON.stringify({ ...wire, ...change });
  const data = String(wire['data']);
  for (const text of [
    '',
    '[]',
    'null',
    changed({ v: 2 }),
    changed({ kind: 'vec' }),
    changed({ scheme: 'elgamal' }),
    changed({ key: 'ABC' }),
    changed({ scale: -1 }),
    changed({ count: 3 }),
    changed({ count: 2 ** 40 }),
    changed({ count: 0 }),
    changed({ packing: {} }),
    changed({ packing: { ...plan, slotBits: plan.slotBits - 1 } }),
    changed({ summands: '0' }),
    changed({ summands: 1 }),
    changed({ data: `${data}=` }),
    changed({ data: data.slice(0, -2) }),
    changed({ data: `${data.slice(0, -1)}+` }),
    changed({ extra: true }),
  ]) {
    expect(() => CiphertextVector.parse(text)).toThrow(/^ctvec: /);
  }
});

test('the parser survives random JSON and random changes', async () => {
  const json = (await encryptVector(short.publicKey, [1n], { scaleBits: 0 })).toJson();
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseError(text)).toBeInstanceOf(RangeError);
    }),
    { seed: 1 },
  );
  fc.assert(
    fc.property(fc.nat(json.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (place, noise) => {
      const error = parseError(json.slice(0, place) + noise + json.slice(place + noise.length));
      expect(error === undefined || error instanceof RangeError).toBe(true);
    }),
    { seed: 1 },
  );
});

test('a header and its ciphertexts that travelled apart make the same vector', async () => {
  const vector = await encryptVector(short.publicKey, [1n, 2n], { scaleBits: 3, context: 'x' });
  const joined = CiphertextVector.join(JSON.parse(JSON.stringify(vector.header)), vector.data);
  expect(joined.toJson()).toBe(vector.toJson());
  expect(() => CiphertextVector.join({ ...vector.header, count: 5 }, vector.data)).toThrow(RangeError);
});

test('single calls of one tick give the results of their own arguments', async () => {
  const ciphertexts = await Promise.all([1n, 2n, 3n].map((m) => encrypt(publicKey, m)));
  expect(ciphertexts.map((c) => privateKey.decrypt(c))).toEqual([1n, 2n, 3n]);
});

function parseError(text: string): unknown {
  try {
    CiphertextVector.parse(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

test('validating a vector that was read from its wire form leaves every byte as it was', async () => {
  const sent = await encryptVector(publicKey, [5n, -7n, 0n], { scaleBits: 0 });
  const received = CiphertextVector.parse(sent.toJson());
  await validateVector(publicKey, received, 'input', { refuseUnmasked: true });
  expect(received.toJson()).toBe(sent.toJson());
  expect(await decryptVector(privateKey, received)).toEqual([5n, -7n, 0n]);
});
