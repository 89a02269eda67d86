import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigIntToBytes, bitLength, bytesToBigInt, fromBigInts, toBigInts } from '../../../crypto/modular/bytes.ts';
import type { FactoredRing, ModularEngine, SquareRing } from '../../../crypto/modular/engine.ts';
import { squareRingConstants } from '../../../crypto/modular/native-constants.ts';
import type { RingGeometry } from '../../../crypto/modular/native-constants.ts';
import { loadNativeEngine, nativeEngineProblem } from '../../../crypto/modular/native-engine.ts';
import type { NativePath } from '../../../crypto/modular/native-engine.ts';
import { mod, modInverse, modPower } from '../../../crypto/modular/number-theory.ts';
import { splitElements } from '../../../crypto/modular/split.ts';
import { testPrimes } from '../../support/keys.ts';
import type { TestKeyBits } from '../../support/keys.ts';

const repository = join(import.meta.dirname, '../../..');
// The sanitizer run (scripts/build-native.mjs --sanitize) tests its own build.
const instrumented = process.env.SEALED_COLONIES_NATIVE_FILE;
const addonFile = instrumented ?? join(repository, 'kernels/native/build/paillier.node');
if (instrumented === undefined) {
  spawnSync(process.execPath, [join(repository, 'scripts/build-native.mjs'), '--quiet'], { cwd: repository });
}

const allPaths: readonly NativePath[] = ['ifma', 'avx512', 'avx2'];
const engines = allPaths
  .map((path) => loadNativeEngine({ path, file: addonFile }))
  .filter((engine) => engine !== undefined);

/** Numbers that look random and are the same in every run. */
function numbersBelow(bound: bigint, count: number, label: string): bigint[] {
  const outputLength = Math.ceil(bitLength(bound) / 8) + 16;
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('shake256', { outputLength }).update(`${label} ${index}`).digest();
    return bytesToBigInt(digest) % bound;
  });
}

/** Elements of which the first are those that arithmetic stumbles over. */
function elementsOf(n: bigint, p: bigint, count: number, label: string): bigint[] {
  const edges = [0n, 1n, n - 1n, n, n * n - 1n, p, p * (n - 1n), n + 1n];
  return [...edges, ...numbersBelow(n * n, count, label)].slice(0, count);
}

interface Sample {
  readonly p: bigint;
  readonly q: bigint;
  readonly n: bigint;
  readonly ring: SquareRing;
}

function sampleOf(engine: ModularEngine, keyBits: TestKeyBits): Sample {
  const [p, q] = testPrimes(keyBits);
  return { p, q, n: p * q, ring: engine.openRing(p * q) };
}

/** Runs an operation into a fresh buffer and reads the result. */
function compute(ring: SquareRing | FactoredRing, count: number, run: (out: Uint8Array) => void): bigint[] {
  const out = new Uint8Array(count * ring.elementBytes).fill(0xa5);
  run(out);
  return toBigInts(out, ring.elementBytes);
}

const product = (values: readonly bigint[], modulus: bigint): bigint =>
  values.reduce((result, value) => (result * value) % modulus, 1n);

/** Plain decryption by CRT with BigInt, for any element. */
function plainDecrypt(ciphertext: bigint, p: bigint, q: bigint): bigint {
  const half = (prime: bigint, other: bigint): bigint => {
    const power = modPower(ciphertext, prime - 1n, prime * prime);
    return mod((power / prime) * modInverse(mod(-other, prime), prime), prime);
  };
  const atP = half(p, q);
  return atP + p * mod((half(q, p) - atP) * modInverse(p, q), q);
}

test('a missing addon is reported, not thrown', () => {
  const missing = { file: join(repository, 'kernels/native/build/missing.node') };
  expect(loadNativeEngine(missing)).toBeUndefined();
  expect(nativeEngineProblem(missing)).toMatch(/not built.*build:native/);
});

test('a file that is no addon is reported, not thrown', () => {
  expect(nativeEngineProblem({ file: import.meta.filename })).toMatch(/cannot load/);
  expect(nativeEngineProblem({ file: join(repository, 'package.json') })).toMatch(/not this version's/);
});

test('there is an engine, or the reason why there is none', () => {
  const problem = nativeEngineProblem({ file: addonFile }) ?? 'none';
  expect(problem).toMatch(engines.length === 0 ? /not built|lacks|cannot load/ : /^none$/);
  // The sanitizer run must not pass by testing nothing.
  expect(instrumented !== undefined && engines.length === 0).toBe(false);
});

describe.each(engines)('$name', (engine) => {
  const small = sampleOf(engine, 512);

  test('multiplies element by element and by one element, at every batch size', () => {
    const { ring, n, p } = small;
    for (const count of [0, 1, 7, 8, 9, 64, 1000]) {
      const left = elementsOf(n, p, count, 'left');
      const right = elementsOf(n, p, count, 'right').toReversed();
      const leftBytes = fromBigInts(left, ring.elementBytes);
      const results = compute(ring, count, (out) =>
        ring.multiply(out, leftBytes, fromBigInts(right, ring.elementBytes)),
      );
      expect(results).toEqual(left.map((value, index) => (value * (right[index] ?? 0n)) % (n * n)));
      const factor = n * n - 2n;
      ring.multiply(leftBytes, leftBytes, bigIntToBytes(factor, ring.elementBytes));
      expect(toBigInts(leftBytes, ring.elementBytes)).toEqual(left.map((value) => (value * factor) % (n * n)));
    }
  });

  test('multiplies any number of elements into one; the empty product is 1', () => {
    const { ring, n, p } = small;
    for (const count of [0, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000]) {
      const values = elementsOf(n, p, count, 'factors').map((value) => (value === 0n ? 2n : value));
      const bytes = fromBigInts(values, ring.elementBytes);
      expect(compute(ring, 1, (out) => ring.product(out, bytes))).toEqual([product(values, n * n)]);
    }
  });

  test('multiplies by 1 + residue·N, also in place', () => {
    const { ring, n, p } = small;
    for (const count of [0, 1, 7, 8, 9, 64, 1000]) {
      const values = elementsOf(n, p, count, 'elements');
      const residues = [0n, n - 1n, 1n, ...numbersBelow(n, count, 'residues')].slice(0, count);
      const bytes = fromBigInts(values, ring.elementBytes);
      ring.multiplyByOnePlus(bytes, bytes, fromBigInts(residues, ring.rootBytes));
      const expected = values.map((value, index) => (value * (1n + (residues[index] ?? 0n) * n)) % (n * n));
      expect(toBigInts(bytes, ring.elementBytes)).toEqual(expected);
    }
  });

  test.each([0, 1, 3, 8, 20, 97])('raises to exponents of %i bytes', (exponentBytes) => {
    const { ring, n, p } = small;
    const bound = 256n ** BigInt(exponentBytes);
    for (const count of [0, 1, 7, 9]) {
      const bases = elementsOf(n, p, count, 'bases');
      const exponents = [bound - 1n, 0n, ...numbersBelow(bound, count, 'exponents')].slice(0, count);
      const baseBytes = fromBigInts(bases, ring.elementBytes);
      const exponentsBytes = fromBigInts(exponents, exponentBytes || 1).subarray(0, count * exponentBytes);
      const allOnes = new Uint8Array(exponentBytes).fill(0xff);
      const results = compute(ring, count, (out) => ring.power(out, baseBytes, exponentsBytes, exponentBytes));
      expect(results).toEqual(bases.map((base, index) => modPower(base, exponents[index] ?? 0n, n * n)));
      const shared = compute(ring, count, (out) => ring.powerShared(out, baseBytes, allOnes));
      expect(shared).toEqual(bases.map((base) => modPower(base, bound - 1n, n * n)));
    }
  });

  test.each([
    [0, 8],
    [1, 8],
    [5, 2],
    [9, 1],
    [64, 8],
    [1000, 3],
  ])('multiplies %i powers with exponents of %i bytes', (count, exponentBytes) => {
    const { ring, n } = small;
    const bound = 256n ** BigInt(exponentBytes);
    const bases = numbersBelow(n * n, count, 'bases');
    const equalRuns = numbersBelow(bound, count, 'exponents').map((value, index) => (index % 5 === 0 ? 0n : value));
    for (const exponents of [equalRuns, bases.map(() => bound - 1n), bases.map(() => 0n), bases.map(() => 5n)]) {
      const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, n * n));
      const result = compute(ring, 1, (out) =>
        ring.multiExponentiate(
          out,
          fromBigInts(bases, ring.elementBytes),
          fromBigInts(exponents, exponentBytes),
          exponentBytes,
        ),
      );
      expect(result).toEqual([product(powers, n * n)]);
    }
  });

  test('takes more terms than one portion of a multi-exponentiation holds', () => {
    const ring = engine.openRing(1_000_003n);
    const count = 20_000;
    const bases = numbersBelow(1_000_003n ** 2n, count, 'many bases');
    const exponents = numbersBelow(256n, count, 'many exponents');
    const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, 1_000_003n ** 2n));
    const result = compute(ring, 1, (out) =>
      ring.multiExponentiate(out, fromBigInts(bases, ring.elementBytes), fromBigInts(exponents, 1), 1),
    );
    expect(result).toEqual([product(powers, 1_000_003n ** 2n)]);
  });

  test.each([
    [1, false],
    [3, true],
    [8, false],
    [13, true],
  ])(
    'keeps buckets of windows of %i bits between calls, whatever the digits and the address, split %s',
    (windowBits, isSplit) => {
      const { ring, n } = small;
      const exponentBits = 29;
      const bound = 2n ** BigInt(exponentBits);
      // A view that begins at an odd address of shared memory.
      const length = ring.accumulatorBytes(exponentBits, windowBits);
      const bytes = new Uint8Array(new SharedArrayBuffer(length + 3), 3);
      const accumulator = { bytes, exponentBits, windowBits, isSplit };
      let expected = 1n;
      for (const [round, count] of [1, 40, 8, 200, 9].entries()) {
        const bases = numbersBelow(n * n, count, `streamed bases ${round}`);
        const irregular = numbersBelow(bound, count, `streamed exponents ${round}`);
        const exponents = irregular.map((exponent, index) => {
          // Equal digits in whole stretches, zeros, and the ends of the range.
          if (round === 1) return 5n;
          if (round === 3) return index % 7 === 0 ? bound - 1n : exponent % 3n;
          return exponent;
        });
        const elements = fromBigInts(bases, ring.elementBytes);
        if (isSplit) splitElements(n, ring.rootBytes, elements, elements);
        ring.accumulatePowers(accumulator, elements, fromBigInts(exponents, 4));
        const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, n * n));
        expected = (expected * product(powers, n * n)) % (n * n);
        expect(compute(ring, 1, (out) => ring.readAccumulator(out, accumulator))).toEqual([expected]);
      }
    },
  );

  test('takes more streamed terms than one portion holds', () => {
    const square = 1_000_003n ** 2n;
    const ring = engine.openRing(1_000_003n);
    const count = 40_000;
    const bases = numbersBelow(square, count, 'many streamed bases');
    const exponents = numbersBelow(256n, count, 'many streamed exponents');
    const shape = { exponentBits: 8, windowBits: 5, isSplit: false };
    const accumulator = { ...shape, bytes: new Uint8Array(ring.accumulatorBytes(8, 5)) };
    ring.accumulatePowers(accumulator, fromBigInts(bases, ring.elementBytes), fromBigInts(exponents, 1));
    const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, square));
    expect(compute(ring, 1, (out) => ring.readAccumulator(out, accumulator))).toEqual([product(powers, square)]);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 10])(
    'raises a fixed base with windows of %i bits, either way of reading',
    (windowBits) => {
      const { ring, n } = small;
      const [base = 0n] = numbersBelow(n * n, 1, 'fixed base');
      const exponentBits = 61;
      // A view that begins at an odd address of shared memory.
      const bytes = new Uint8Array(new SharedArrayBuffer(ring.tableBytes(exponentBits, windowBits) + 3), 3);
      ring.buildTable(bytes, bigIntToBytes(base, ring.elementBytes), exponentBits, windowBits);
      for (const [count, constantTime] of [0, 1, 7, 8, 9, 64, 200].flatMap((size) => [
        [size, true] as const,
        [size, false] as const,
      ])) {
        const exponents = [0n, 1n, 2n ** 61n - 1n, ...numbersBelow(2n ** 61n, count, 'fixed exponents')].slice(
          0,
          count,
        );
        const residues = [n - 1n, 0n, 1n, ...numbersBelow(n, count, 'masked')].slice(0, count);
        const table = { bytes, exponentBits, windowBits, constantTime };
        const exponentBytes = fromBigInts(exponents, 8);
        const powers = exponents.map((exponent) => modPower(base, exponent, n * n));
        expect(compute(ring, count, (out) => ring.powerFixedBase(out, table, exponentBytes))).toEqual(powers);
        const masked = compute(ring, count, (out) =>
          ring.powerFixedBase(out, table, exponentBytes, fromBigInts(residues, ring.rootBytes)),
        );
        expect(masked).toEqual(powers.map((power, index) => (power * (1n + (residues[index] ?? 0n) * n)) % (n * n)));
      }
    },
  );

  // Roots with the fewest spare bits: of what is added up on the way, something carries beyond the radix now and then.
  test.each([1024, 1064])('raises a fixed base modulo roots of %i bits, whatever carries', (rootBits) => {
    const [root = 0n] = numbersBelow(2n ** BigInt(rootBits - 1), 1, `tight root ${rootBits}`);
    const n = (2n ** BigInt(rootBits) - 1n - (root >> 8n)) | 1n;
    const ring = engine.openRing(n);
    const exponentBits = 2048;
    const base = 2n ** 5000n % (n * n);
    const bytes = new Uint8Array(ring.tableBytes(exponentBits, 1));
    ring.buildTable(bytes, bigIntToBytes(base, ring.elementBytes), exponentBits, 1);
    const exponents = numbersBelow(2n ** 2048n, 512, 'tight exponents');
    const table = { bytes, exponentBits, windowBits: 1, constantTime: false };
    const powers = compute(ring, exponents.length, (out) =>
      ring.powerFixedBase(out, table, fromBigInts(exponents, exponentBits / 8)),
    );
    const sum = exponents.reduce((total, exponent) => total + exponent, 0n);
    expect(product(powers, n * n)).toBe(modPower(base, sum, n * n));
    ring.close();
  });

  // Digits of what is added up for each window fill 52 bits of 64 and are carried at the end only.
  test('raises a fixed base with as many windows as a table may have', () => {
    const n = 2n ** 512n - 569n;
    const ring = engine.openRing(n);
    const exponentBits = 4095;
    const [base = 0n, residue = 0n] = numbersBelow(n, 2, 'many windows');
    const bytes = new Uint8Array(ring.tableBytes(exponentBits, 1));
    ring.buildTable(bytes, bigIntToBytes(base, ring.elementBytes), exponentBits, 1);
    const exponents = [2n ** 4095n - 1n, ...numbersBelow(2n ** 4095n, 2, 'long exponents')];
    const residues = fromBigInts([n - 1n, residue, 0n], ring.rootBytes);
    const table = { bytes, exponentBits, windowBits: 1, constantTime: false };
    const powers = compute(ring, exponents.length, (out) =>
      ring.powerFixedBase(out, table, fromBigInts(exponents, 512), residues),
    );
    const masks = [1n - n, 1n + residue * n, 1n];
    expect(powers).toEqual(
      exponents.map((exponent, index) => mod(modPower(base, exponent, n * n) * (masks[index] ?? 0n), n * n)),
    );
    ring.close();
  });

  test('refuses a base that has no inverse, and more windows than a product takes', () => {
    const ring = engine.openRing(15n);
    const bytes = new Uint8Array(ring.tableBytes(16, 4));
    expect(() => ring.buildTable(bytes, Uint8Array.of(0, 10), 16, 4)).toThrow(RangeError);
    expect(() => ring.tableBytes(4096, 1)).toThrow(RangeError);
    ring.close();
  });

  test('decrypts every element as plain CRT does, units or not', () => {
    const { p, q, n } = small;
    const ring = engine.openFactoredRing(p, q);
    for (const count of [0, 1, 7, 8, 9, 64]) {
      const ciphertexts = elementsOf(n, p, count, 'ciphertexts');
      const out = new Uint8Array(count * ring.rootBytes);
      ring.decrypt(out, fromBigInts(ciphertexts, ring.elementBytes));
      expect(toBigInts(out, ring.rootBytes)).toEqual(ciphertexts.map((value) => plainDecrypt(value, p, q)));
    }
    ring.close();
  });

  test.each([3, 5, 8])('encrypts as the owner with windows of %i bits', (windowBits) => {
    const { p, q, n } = small;
    const ring = engine.openFactoredRing(p, q);
    const [base = 0n] = numbersBelow(n * n, 1, 'owner base');
    const exponentBits = 45;
    const bytes = new Uint8Array(ring.ownerTableBytes(exponentBits, windowBits));
    ring.buildOwnerTables(bytes, bigIntToBytes(base, ring.elementBytes), exponentBits, windowBits);
    for (const [count, constantTime] of [[0, true] as const, [9, true] as const, [150, false] as const]) {
      const exponents = numbersBelow(2n ** 45n, 2 * count, 'owner exponents');
      const residues = [n - 1n, 0n, 1n, ...numbersBelow(n, count, 'owner residues')].slice(0, count);
      const table = { bytes, exponentBits, windowBits, constantTime };
      const results = compute(ring, count, (out) =>
        ring.encryptAsOwner(out, table, fromBigInts(exponents, 6), fromBigInts(residues, ring.rootBytes)),
      );
      for (const [index, result] of results.entries()) {
        const plain = 1n + (residues[index] ?? 0n) * n;
        expect(result < n * n).toBe(true);
        expect(result % (p * p)).toBe((plain * modPower(base, exponents[2 * index] ?? 0n, p * p)) % (p * p));
        expect(result % (q * q)).toBe((plain * modPower(base, exponents[2 * index + 1] ?? 0n, q * q)) % (q * q));
      }
    }
  });

  test.each([1024, 2048, 3072, 4096] as const)('computes as plain BigInt does with keys of %i bits', (keyBits) => {
    const { ring, n, p, q } = sampleOf(engine, keyBits);
    const square = n * n;
    const values = elementsOf(n, p, 9, `values ${keyBits}`);
    const units = numbersBelow(square, 9, `units ${keyBits}`);
    const residues = numbersBelow(n, 9, `residues ${keyBits}`);
    const exponents = numbersBelow(2n ** 40n, 9, `exponents ${keyBits}`);
    const [valueBytes, unitBytes] = [values, units].map((list) => fromBigInts(list, ring.elementBytes));
    const exponentBytes = fromBigInts(exponents, 5);
    const residueBytes = fromBigInts(residues, ring.rootBytes);
    if (!valueBytes || !unitBytes) throw new Error('no sample');

    expect(compute(ring, 9, (out) => ring.multiply(out, valueBytes, unitBytes))).toEqual(
      values.map((value, index) => (value * (units[index] ?? 0n)) % square),
    );
    expect(compute(ring, 1, (out) => ring.product(out, unitBytes))).toEqual([product(units, square)]);
    expect(compute(ring, 9, (out) => ring.multiplyByOnePlus(out, valueBytes, residueBytes))).toEqual(
      values.map((value, index) => (value * (1n + (residues[index] ?? 0n) * n)) % square),
    );
    const powers = units.map((unit, index) => modPower(unit, exponents[index] ?? 0n, square));
    expect(compute(ring, 9, (out) => ring.power(out, unitBytes, exponentBytes, 5))).toEqual(powers);
    expect(compute(ring, 1, (out) => ring.multiExponentiate(out, unitBytes, exponentBytes, 5))).toEqual([
      product(powers, square),
    ]);

    const factored = engine.openFactoredRing(p, q);
    const out = new Uint8Array(9 * factored.rootBytes);
    const encrypted = residues.map((residue) => ((1n + residue * n) * modPower(2n, n, square)) % square);
    factored.decrypt(out, fromBigInts(encrypted, ring.elementBytes));
    expect(toBigInts(out, ring.rootBytes)).toEqual(residues);
    ring.close();
    factored.close();
  });

  test('agrees with plain BigInt for every odd root, tiny ones and those that just fill their digits', () => {
    const exactWidths = [3n, 5n, 255n, 257n, 2n ** 496n - 1n, 2n ** 504n - 1n, 2n ** 505n - 1n, 2n ** 1024n + 1n];
    const oddRoot = fc.oneof(
      fc.constantFrom(...exactWidths),
      fc.bigInt({ min: 1n, max: 2n ** 700n }).map((half) => 2n * half + 1n),
    );
    fc.assert(
      fc.property(oddRoot, fc.infiniteStream(fc.bigInt({ min: 0n, max: 2n ** 2100n })), (root, stream) => {
        const ring = engine.openRing(root);
        const values = [root * root - 1n, ...stream.take(2)].map((value) => value % (root * root));
        const bytes = fromBigInts(values, ring.elementBytes);
        const exponents = values.map((value) => value % 65536n);
        const powers = values.map((value, index) => modPower(value, exponents[index] ?? 0n, root * root));
        const results = compute(ring, 3, (out) => ring.power(out, bytes, fromBigInts(exponents, 2), 2));
        expect(results).toEqual(powers);
        expect(compute(ring, 1, (out) => ring.product(out, bytes))).toEqual([product(values, root * root)]);
        ring.close();
      }),
      { seed: 20_261_120, numRuns: 60 },
    );
  });

  test('factors of different lengths, tiny ones too, decrypt', () => {
    for (const [p, q] of [
      [11n, 17n],
      [17n, 11n],
      [3n, 2n ** 61n - 1n],
      [2n ** 61n - 1n, 2n ** 89n - 1n],
    ] as const) {
      const n = p * q;
      const ring = engine.openFactoredRing(p, q);
      const ciphertexts = numbersBelow(n * n, 20, 'tiny');
      const out = new Uint8Array(20 * ring.rootBytes);
      ring.decrypt(out, fromBigInts(ciphertexts, ring.elementBytes));
      expect(toBigInts(out, ring.rootBytes)).toEqual(ciphertexts.map((value) => plainDecrypt(value, p, q)));
    }
  });

  test('wrong lengths are refused before anything is read or written', () => {
    const { ring, p, q } = small;
    const element = new Uint8Array(ring.elementBytes);
    const residue = new Uint8Array(ring.rootBytes);
    const bytes = new Uint8Array(ring.tableBytes(16, 4));
    const table = { bytes, exponentBits: 16, windowBits: 4, constantTime: false };
    const two = new Uint8Array(2);
    const factored = engine.openFactoredRing(p, q);
    const calls: readonly (() => void)[] = [
      () => ring.multiply(element.subarray(1), element, element),
      () => ring.multiply(element, new Uint8Array(2 * ring.elementBytes), element),
      () => ring.multiply(element, element, residue),
      () => ring.product(residue, element),
      () => ring.product(element, residue),
      () => ring.multiplyByOnePlus(element, element, element),
      () => ring.multiplyByOnePlus(element, residue, residue),
      () => ring.power(element, element, two, 3),
      () => ring.power(element, element, two, -1),
      () => ring.power(element, element, two, 2 ** 40),
      () => ring.powerShared(element, residue, two),
      () => ring.multiExponentiate(residue, element, two, 2),
      () => ring.multiExponentiate(element, element, two, 1),
      () => ring.accumulatorBytes(16, 17),
      () => ring.accumulatePowers({ ...table, isSplit: false }, element, two),
      () =>
        ring.accumulatePowers(
          { ...table, bytes: new Uint8Array(ring.accumulatorBytes(16, 4)), isSplit: true },
          element,
          new Uint8Array(3),
        ),
      () => ring.readAccumulator(element, { ...table, bytes: two, isSplit: false }),
      () => ring.tableBytes(0, 4),
      () => ring.tableBytes(16, 17),
      () => ring.buildTable(bytes.subarray(1), element, 16, 4),
      () => ring.buildTable(bytes, residue, 16, 4),
      () => ring.powerFixedBase(element, { ...table, bytes: two }, two),
      () => ring.powerFixedBase(element, table, new Uint8Array(3)),
      () => ring.powerFixedBase(element, table, two, element),
      () => factored.decrypt(element, residue),
      () => factored.decrypt(residue.subarray(1), element),
      () => factored.encryptAsOwner(element, table, two, residue),
      () => factored.buildOwnerTables(bytes.subarray(1), element, 16, 4),
      () => engine.openRing(4n),
      () => engine.openRing(1n),
      () => engine.openRing(2n ** 6200n + 1n),
      () => engine.openFactoredRing(15n, 21n),
    ];
    for (const call of calls) expect(call).toThrow(RangeError);
  });

  test('a closed ring refuses to work and may be closed again', () => {
    const ring = engine.openRing(15n);
    ring.close();
    ring.close();
    expect(() => ring.product(new Uint8Array(2), new Uint8Array(2))).toThrow(/closed/);
  });

  test('a table in shared memory serves another thread, which loads the addon itself', async () => {
    const { ring, n } = small;
    const path = engine.name.slice('native-'.length);
    const table = new Uint8Array(new SharedArrayBuffer(ring.tableBytes(16, 6)));
    ring.buildTable(table, bigIntToBytes(3n, ring.elementBytes), 16, 6);
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const addon = require(workerData.file);
      const ring = addon.openSquareRing(workerData.path, workerData.constants);
      addon.powerFixedBase(ring, workerData.out, workerData.table, 16, 6, true, workerData.exponents, undefined);
      parentPort.postMessage('done');`;
    const addon: { geometry(path: string, rootBits: number): RingGeometry } = createRequire(addonFile)(addonFile);
    const geometry = addon.geometry(path, bitLength(n));
    const out = new Uint8Array(new SharedArrayBuffer(3 * ring.elementBytes));
    const exponents = fromBigInts([0n, 1n, 65_535n], 2);
    const constants = squareRingConstants(n, geometry);
    const worker = new Worker(program, {
      eval: true,
      workerData: { file: addonFile, path, constants, table, out, exponents },
    });
    expect(await once(worker, 'message')).toEqual(['done']);
    await worker.terminate();
    expect(toBigInts(out, ring.elementBytes)).toEqual([1n, 3n, modPower(3n, 65_535n, n * n)]);
  });
});
