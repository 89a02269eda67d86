import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigIntEngine } from '../../crypto/modular/bigint-engine.ts';
import { bigIntToBytes, bytesToBigInt, fromBigInts, toBigInts } from '../../crypto/modular/bytes.ts';
import type { ModularEngine, SquareRing } from '../../crypto/modular/engine.ts';
import { mod, modInverse, modPower } from '../../crypto/modular/number-theory.ts';
import { withOpenSsl } from '../../crypto/modular/openssl.ts';
import { availableEngines } from '../../crypto/modular/select.ts';
import { splitElements } from '../../crypto/modular/split.ts';
import { failsSelfTest } from '../../crypto/modular/self-test.ts';
import { testPrimes } from '../support/keys.ts';
import type { TestKeyBits } from '../support/keys.ts';

/** Every engine of this machine against plain arithmetic on BigInt. */
const engines: [string, ModularEngine][] = [
  ...availableEngines().map((engine): [string, ModularEngine] => [engine.name, engine]),
  ['bigint beside OpenSSL', withOpenSsl(bigIntEngine, false)],
];
const remembered = new Map<string, bigint>();
const BATCHES = [0, 1, 7, 8, 9];

describe.each(engines)('engine %s', (_, engine) => {
  test('passes the self-test', () => {
    expect(failsSelfTest(engine)).toBeUndefined();
  });

  describe.each([1024, 2048, 3072, 4096] as const)('with a key of %i bits', (keyBits) => {
    const { ring, n, square, edges } = openRing(engine, keyBits);
    const { rootBytes, elementBytes } = ring;

    test.each(keyBits > 2048 ? BATCHES : [...BATCHES, 1000])(
      '%i products, sums of plaintexts and their total are right',
      (count) => {
        const left = sample(square, edges, count, 1);
        const right = sample(square, edges, count, 2);
        const residues = sample(n, [0n, 1n, n - 1n], count, 3);
        const out = new Uint8Array(count * elementBytes);
        ring.multiply(out, fromBigInts(left, elementBytes), fromBigInts(right, elementBytes));
        expect(toBigInts(out, elementBytes)).toEqual(left.map((x, i) => (x * (right[i] ?? 0n)) % square));

        ring.multiply(out, out, bigIntToBytes(edges[4] ?? 0n, elementBytes));
        expect(toBigInts(out, elementBytes)).toEqual(
          left.map((x, i) => (x * (right[i] ?? 0n) * (edges[4] ?? 0n)) % square),
        );

        out.set(fromBigInts(left, elementBytes));
        ring.multiplyByOnePlus(out, out, fromBigInts(residues, rootBytes));
        expect(toBigInts(out, elementBytes)).toEqual(left.map((x, i) => (x * (1n + (residues[i] ?? 0n) * n)) % square));

        const units = left.map((x) => (x === 0n ? 1n : x));
        const total = new Uint8Array(elementBytes);
        ring.product(total, fromBigInts(units, elementBytes));
        expect(bytesToBigInt(total)).toBe(units.reduce((product, x) => (product * x) % square, 1n));
      },
    );

    test.each(BATCHES)('%i powers and their product are right', (count) => {
      const bases = sample(square, edges, count, 4);
      const exponents = sample(2n ** 24n, [0n, 1n, 2n ** 24n - 1n], count, 5);
      const powers = bases.map((base, i) => modPower(base, exponents[i] ?? 0n, square));
      const inputs = [fromBigInts(bases, elementBytes), fromBigInts(exponents, 3)] as const;
      const out = new Uint8Array(count * elementBytes);
      ring.power(out, ...inputs, 3);
      expect(toBigInts(out, elementBytes)).toEqual(powers);

      ring.powerShared(out, inputs[0], Uint8Array.of(0, 2, 255));
      expect(toBigInts(out, elementBytes)).toEqual(bases.map((base) => modPower(base, 767n, square)));

      const total = new Uint8Array(elementBytes);
      ring.multiExponentiate(total, ...inputs, 3);
      expect(bytesToBigInt(total)).toBe(powers.reduce((product, power) => (product * power) % square, 1n));
    });

    test.each([
      [1, false],
      [4, true],
      [7, false],
      [7, true],
    ])('powers that come in several calls multiply, with windows of %i bits, split %s', (windowBits, isSplit) => {
      const exponentBits = 21;
      const bytes = new Uint8Array(ring.accumulatorBytes(exponentBits, windowBits));
      const accumulator = { bytes, exponentBits, windowBits, isSplit };
      const total = new Uint8Array(elementBytes);
      ring.readAccumulator(total, accumulator);
      expect(bytesToBigInt(total)).toBe(1n);
      let expected = 1n;
      for (const [round, count] of BATCHES.entries()) {
        const bases = sample(square, edges, count, 9 + round);
        const exponents = sample(2n ** 21n, [0n, 1n, 2n ** 21n - 1n], count, 19 + round);
        const elements = fromBigInts(bases, elementBytes);
        if (isSplit) splitElements(n, rootBytes, elements, elements);
        ring.accumulatePowers(accumulator, elements, fromBigInts(exponents, 3));
        expected = bases.reduce(
          (product, base, i) => (product * modPower(base, exponents[i] ?? 0n, square)) % square,
          expected,
        );
        ring.readAccumulator(total, accumulator);
        expect(bytesToBigInt(total)).toBe(expected);
      }
    });

    test.each([1, 4, 5, 8, 10])(
      'powers from a table with windows of %i bits are right, also when scanned',
      (windowBits) => {
        const exponentBits = 21;
        const base = edges[4] ?? 2n;
        const bytes = new Uint8Array(ring.tableBytes(exponentBits, windowBits));
        ring.buildTable(bytes, bigIntToBytes(base, elementBytes), exponentBits, windowBits);
        for (const constantTime of [false, true]) {
          const count = constantTime ? 9 : 3;
          const exponents = sample(2n ** 21n, [0n, 1n, 2n ** 21n - 1n], count, 6);
          const residues = sample(n, [0n, n - 1n], count, 7);
          const table = { bytes, exponentBits, windowBits, constantTime };
          const out = new Uint8Array(count * elementBytes);
          const powers = exponents.map((exponent) => modPower(base, exponent, square));
          ring.powerFixedBase(out, table, fromBigInts(exponents, 3));
          expect(toBigInts(out, elementBytes)).toEqual(powers);
          ring.powerFixedBase(out, table, fromBigInts(exponents, 3), fromBigInts(residues, rootBytes));
          expect(toBigInts(out, elementBytes)).toEqual(
            powers.map((power, i) => (power * (1n + (residues[i] ?? 0n) * n)) % square),
          );
        }
      },
    );

    test('decryption gives the plaintext of ciphertexts made by hand, and 0 for multiples of both primes', () => {
      const [p, q] = testPrimes(keyBits);
      const factored = engine.openFactoredRing(p, q);
      // A full and a broken group of lanes where that is cheap.
      const plaintexts = sample(n, [0n, n - 1n, 1n, p, q], keyBits > 2048 ? 2 : 9, 8);
      const mask = remember(`mask ${keyBits}`, () => modPower(3n, n, square));
      const ciphertexts = plaintexts.map((m, i) => ((1n + m * n) * mask ** BigInt(i + 1)) % square);
      const out = new Uint8Array((plaintexts.length + 1) * rootBytes);
      factored.decrypt(out, fromBigInts([...ciphertexts, n], elementBytes));
      expect(toBigInts(out, rootBytes)).toEqual([...plaintexts, 0n]);
      factored.close();
    });

    test('encryption by the owner is the public one with both exponents', () => {
      const [p, q] = testPrimes(keyBits);
      const factored = engine.openFactoredRing(p, q);
      const base = remember(`mask ${keyBits}`, () => modPower(3n, n, square));
      const bytes = new Uint8Array(factored.ownerTableBytes(20, 5));
      factored.buildOwnerTables(bytes, bigIntToBytes(base, elementBytes), 20, 5);
      const residues = sample(n, [0n, n - 1n], 3, 10);
      const exponents = sample(2n ** 20n, [0n], 6, 11);
      for (const constantTime of [false, true]) {
        const out = new Uint8Array(3 * elementBytes);
        const tables = { bytes, exponentBits: 20, windowBits: 5, constantTime };
        factored.encryptAsOwner(out, tables, fromBigInts(exponents, 3), fromBigInts(residues, rootBytes));
        const expected = residues.map((m, i) => {
          const atP = ((1n + m * n) * modPower(base, exponents[2 * i] ?? 0n, p * p)) % (p * p);
          const atQ = ((1n + m * n) * modPower(base, exponents[2 * i + 1] ?? 0n, q * q)) % (q * q);
          return atQ + q * q * mod((atP - atQ) * modInverse(q * q, p * p), p * p);
        });
        expect(toBigInts(out, elementBytes)).toEqual(expected);
      }
      factored.close();
    });
  });

  test('random numbers multiply rightly modulo random odd roots', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 250n, max: 2n ** 600n }), fc.bigInt({ min: 0n }), (seed, value) => {
        const n = seed | 1n;
        const ring = engine.openRing(n);
        const element = bigIntToBytes(value % (n * n), ring.elementBytes);
        const out = new Uint8Array(ring.elementBytes);
        ring.multiply(out, element, element);
        expect(bytesToBigInt(out)).toBe(value ** 2n % n ** 2n);
        ring.close();
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  test('a table built again in the same memory gives powers of the new base', () => {
    const ring = engine.openRing(2n ** 127n - 1n);
    const bytes = new Uint8Array(ring.tableBytes(8, 4));
    const table = { bytes, exponentBits: 8, windowBits: 4, constantTime: false };
    const out = new Uint8Array(ring.elementBytes);
    for (const base of [3n, 5n]) {
      ring.buildTable(bytes, bigIntToBytes(base, ring.elementBytes), 8, 4);
      ring.powerFixedBase(out, table, Uint8Array.of(19));
      expect(bytesToBigInt(out)).toBe(base ** 19n);
    }
    ring.close();
  });

  test('an even or tiny root is refused', () => {
    expect(() => engine.openRing(2n ** 1024n)).toThrow(RangeError);
    expect(() => engine.openRing(1n)).toThrow(RangeError);
  });
});

function openRing(engine: ModularEngine, keyBits: TestKeyBits) {
  const [p, q] = testPrimes(keyBits);
  const n = p * q;
  const ring: SquareRing = engine.openRing(n);
  return { ring, n, square: n * n, edges: [0n, 1n, n - 1n, n, n * n - 1n, p, q * q, n + 1n] };
}

/** Computes what all engines are compared with once. */
function remember(name: string, compute: () => bigint): bigint {
  const known = remembered.get(name) ?? compute();
  remembered.set(name, known);
  return known;
}

/** Edge values first, then numbers that look random but are the same in every run. */
function sample(bound: bigint, edges: readonly bigint[], count: number, seed: number): bigint[] {
  const random = fc.sample(fc.bigInt({ min: 0n, max: bound - 1n }), {
    seed,
    numRuns: Math.max(1, count - edges.length),
  });
  return [...edges, ...random].slice(0, count);
}
