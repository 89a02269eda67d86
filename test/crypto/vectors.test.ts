import { expect, test } from 'vitest';
import { bigIntEngine } from '../../crypto/modular/bigint-engine.ts';
import { bigIntToBytes, bytesToBigInt, fromBigInts, toBigInts } from '../../crypto/modular/bytes.ts';
import { modPower } from '../../crypto/modular/number-theory.ts';
import { addCiphertexts, decrypt, privateKeyFromPrimes, scaleCiphertext } from '../../crypto/paillier/index.ts';
import { packValues, unpackValues } from '../../crypto/paillier/packing.ts';
import vectors from '../vectors/paillier_vectors.json' with { type: 'json' };

/** Computed with gmpy2 by an independent program. */
const cases = Object.entries(vectors).map(([keyBits, vector]) => ({ keyBits: Number(keyBits), vector }));

test.each(cases)('standard and DJN encryption at $keyBits bits give the published ciphertexts', ({ vector }) => {
  const ring = bigIntEngine.openRing(BigInt(vector.n));
  const { rootBytes, elementBytes } = ring;
  const exponentBits = ring.rootBytes * 4;
  const table = new Uint8Array(ring.tableBytes(exponentBits, 5));
  ring.buildTable(table, bigIntToBytes(BigInt(vector.djn_hs), elementBytes), exponentBits, 5);
  const of = (name: 'm' | 'r' | 'a', width: number) =>
    fromBigInts(
      vector.encryptions.map((encryption) => BigInt(encryption[name])),
      width,
    );
  const out = new Uint8Array(vector.encryptions.length * elementBytes);
  ring.powerShared(out, of('r', elementBytes), bigIntToBytes(BigInt(vector.n), rootBytes));
  ring.multiplyByOnePlus(out, out, of('m', rootBytes));
  expect(toBigInts(out, elementBytes)).toEqual(vector.encryptions.map(({ c_standard }) => BigInt(c_standard)));

  const fixedBase = { bytes: table, exponentBits, windowBits: 5, constantTime: false };
  ring.powerFixedBase(out, fixedBase, of('a', exponentBits / 8), of('m', rootBytes));
  expect(toBigInts(out, elementBytes)).toEqual(vector.encryptions.map(({ c_djn }) => BigInt(c_djn)));
});

test.each(cases)('h_s of $keyBits bits is h^n mod n²', ({ vector }) => {
  const n = BigInt(vector.n);
  expect(modPower(BigInt(vector.djn_h), n, n * n)).toBe(BigInt(vector.djn_hs));
});

test.each(cases)('decryption, addition and a negative factor at $keyBits bits agree', async ({ keyBits, vector }) => {
  const key = await privateKeyFromPrimes(BigInt(vector.p), BigInt(vector.q), { minimumBits: keyBits });
  const n = BigInt(vector.n);
  for (const { m, c_standard, c_djn } of vector.encryptions) {
    const residue = BigInt(m);
    const signed = residue > n / 2n ? residue - n : residue;
    expect(await decrypt(key, BigInt(c_standard))).toBe(signed);
    expect(await decrypt(key, BigInt(c_djn))).toBe(signed);
  }
  const [, one, two] = vector.encryptions;
  const summands = [BigInt(one?.c_djn ?? 0), BigInt(two?.c_standard ?? 0)];
  expect(await addCiphertexts(key.publicKey, summands)).toBe(BigInt(vector.add.c));
  expect(await decrypt(key, BigInt(vector.add.c))).toBe(BigInt(vector.add.m));
  const scaled = await scaleCiphertext(key.publicKey, BigInt(one?.c_djn ?? 0), BigInt(vector.scalar.m_signed));
  expect(scaled).toBe(BigInt(vector.scalar.c));
});

test.each(cases)('packing at $keyBits bits gives the published plaintext', ({ keyBits, vector }) => {
  const n = BigInt(vector.n);
  const values = vector.packing.values.map(BigInt);
  const slotBits = vector.packing.slot_bits;
  const magnitude = (2n ** BigInt(slotBits - 1) - 1n).toString();
  const slotsPerCiphertext = Math.floor((keyBits - 1) / slotBits);
  const plan = { slotBits, slotsPerCiphertext, magnitude, summands: 1, weightBits: 0 };
  const packed = packValues(plan, values);
  expect(((packed % n) + n) % n).toBe(BigInt(vector.packing.plaintext_mod_n));
  expect(unpackValues(plan, packed, values.length, 1n)).toEqual(values);
});

test('bytes and numbers correspond, big-endian', () => {
  expect(bigIntToBytes(0x0102n, 4)).toEqual(Uint8Array.of(0, 0, 1, 2));
  expect(bytesToBigInt(Uint8Array.of(0, 0, 1, 2))).toBe(0x0102n);
  expect(bytesToBigInt(new Uint8Array(0))).toBe(0n);
  expect(() => bigIntToBytes(256n, 1)).toThrow(RangeError);
  expect(() => bigIntToBytes(-1n, 4)).toThrow(RangeError);
});
