import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigIntToBytes, bitLength, bytesToBigInt, fromBigInts, toBigInts } from '../../../crypto/modular/bytes.ts';
import type { ModularEngine, SquareRing } from '../../../crypto/modular/engine.ts';
import { mod, modInverse, modPower } from '../../../crypto/modular/number-theory.ts';
import { failsSelfTest } from '../../../crypto/modular/self-test.ts';
import { testPrimes } from '../../support/keys.ts';
import type { TestKeyBits } from '../../support/keys.ts';

const repository = join(import.meta.dirname, '../../..');
// Skips itself when the sources are those of the last build.
execFileSync(process.execPath, [join(repository, 'scripts/build-wasm.mjs')]);
const { loadWasmEngine } = await import('../../../crypto/modular/wasm-engine.ts');

const engines = [loadWasmEngine({ relaxed: false }), loadWasmEngine()]
  .filter((engine) => engine !== undefined)
  .filter((engine, index, all) => all.findIndex((other) => other.name === engine.name) === index);

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
  const edges = [0n, 1n, n - 1n, n, n * n - 1n, p, p * (n - 1n), n + 1n, n * (n - 1n)];
  return [...edges, ...numbersBelow(n * n, count, label)].slice(0, count);
}

/** Runs an operation into a fresh buffer and reads the result. */
function compute(elementBytes: number, count: number, run: (out: Uint8Array) => void): bigint[] {
  const out = new Uint8Array(count * elementBytes).fill(0xa5);
  run(out);
  return toBigInts(out, elementBytes);
}

/** Plain decryption by CRT with BigInt, for any element. */
function plainDecrypt(ciphertext: bigint, p: bigint, q: bigint): bigint {
  const half = (prime: bigint, other: bigint): bigint => {
    const power = modPower(ciphertext, prime - 1n, prime * prime);
    return mod((power / prime) * modInverse(mod(-other, prime), prime), prime);
  };
  const atP = half(p, q);
  return atP + p * mod((half(q, p) - atP) * modInverse(p, q), q);
}

/** Encryption by the key's owner with BigInt. */
function plainOwnerEncrypt(base: bigint, exponents: readonly bigint[], m: bigint, p: bigint, q: bigint): bigint {
  const half = (prime: bigint, exponent: bigint): bigint =>
    ((1n + m * p * q) * modPower(base, exponent, prime * prime)) % (prime * prime);
  const [atP, atQ] = [half(p, exponents[0] ?? 0n), half(q, exponents[1] ?? 0n)];
  return atQ + q * q * mod((atP - atQ) * modInverse(q * q, p * p), p * p);
}

const product = (values: readonly bigint[], modulus: bigint): bigint =>
  values.reduce((result, value) => (result * value) % modulus, 1n);

function ringOf(engine: ModularEngine, keyBits: TestKeyBits) {
  const [p, q] = testPrimes(keyBits);
  const n = p * q;
  const ring: SquareRing = engine.openRing(n);
  return { p, q, n, square: n * n, ring, width: ring.elementBytes };
}

test('there is a WebAssembly engine, and it passes the self-test', () => {
  expect(engines.map(({ name }) => name)).toContain('wasm');
  expect(engines.map(failsSelfTest)).toEqual(engines.map(() => undefined));
});

/** A module of the engine as a literal for a child process to import. */
const url = (file: string): string => JSON.stringify(new URL(`../../../crypto/modular/${file}`, import.meta.url).href);

// Where relaxed SIMD is not on by default, a child process switches it on and runs the self-test.
test.runIf(engines.length === 1)('the relaxed module passes the self-test', () => {
  const code = `
    import { loadWasmEngine } from ${url('wasm-engine.ts')};
    import { failsSelfTest } from ${url('self-test.ts')};
    const engine = loadWasmEngine();
    process.stdout.write(engine.name + ': ' + (failsSelfTest(engine) ?? 'passed'));
  `;
  const flags = ['--experimental-wasm-relaxed-simd', '--import', 'tsx', '--input-type=module', '--eval', code];
  expect(execFileSync(process.execPath, flags, { cwd: repository, encoding: 'utf8' })).toBe('wasm-relaxed: passed');
});

describe.each(engines)('$name', (engine) => {
  const { p, q, n, square, ring, width } = ringOf(engine, 512);

  test.each([0, 1, 3, 4, 5, 7, 8, 9, 64, 1000])('multiplies %i elements, one by one and by a single one', (count) => {
    const left = elementsOf(n, p, count, 'left');
    const right = elementsOf(n, p, count, 'right').toReversed();
    const leftBytes = fromBigInts(left, width);
    const results = compute(width, count, (out) => ring.multiply(out, leftBytes, fromBigInts(right, width)));
    expect(results).toEqual(left.map((value, index) => (value * (right[index] ?? 0n)) % square));
    ring.multiply(leftBytes, leftBytes, bigIntToBytes(square - 2n, width));
    expect(toBigInts(leftBytes, width)).toEqual(left.map((value) => (value * (square - 2n)) % square));
  });

  test.each([0, 1, 2, 7, 8, 9, 15, 16, 17, 64, 1000])('multiplies %i elements into one', (count) => {
    const values = elementsOf(n, p, count, 'factors').map((value) => (value === 0n ? 2n : value));
    expect(compute(width, 1, (out) => ring.product(out, fromBigInts(values, width)))).toEqual([
      product(values, square),
    ]);
  });

  test.each([0, 1, 3, 7, 8, 9, 64, 1000])('multiplies %i elements by 1 + residue·N, also in place', (count) => {
    const values = elementsOf(n, p, count, 'elements');
    const residues = [0n, n - 1n, 1n, ...numbersBelow(n, count, 'residues')].slice(0, count);
    const bytes = fromBigInts(values, width);
    ring.multiplyByOnePlus(bytes, bytes, fromBigInts(residues, ring.rootBytes));
    expect(toBigInts(bytes, width)).toEqual(
      values.map((value, index) => (value * (1n + (residues[index] ?? 0n) * n)) % square),
    );
  });

  test.each([0, 1, 2, 8, 20, 97])('raises to exponents of %i bytes, each its own or one for all', (exponentBytes) => {
    const bound = 256n ** BigInt(exponentBytes);
    for (const count of [0, 1, 7, 9]) {
      const bases = elementsOf(n, p, count, 'bases');
      const exponents = [bound - 1n, 0n, ...numbersBelow(bound, count, 'exponents')].slice(0, count);
      const inputs = fromBigInts(bases, width);
      const exponentsBytes = fromBigInts(exponents, exponentBytes || 1).subarray(0, count * exponentBytes);
      const results = compute(width, count, (out) => ring.power(out, inputs, exponentsBytes, exponentBytes));
      expect(results).toEqual(bases.map((base, index) => modPower(base, exponents[index] ?? 0n, square)));
      const allOnes = new Uint8Array(exponentBytes).fill(0xff);
      const shared = compute(width, count, (out) => ring.powerShared(out, inputs, allOnes));
      expect(shared).toEqual(bases.map((base) => modPower(base, bound - 1n, square)));
    }
  });

  test.each([0, 1, 2, 3, 5, 8, 9, 40])('multiplies powers of %i bases, for short and long exponents', (count) => {
    for (const exponentBytes of [0, 1, 2, 3, 8, 20]) {
      const bound = 256n ** BigInt(exponentBytes);
      const bases = elementsOf(n, p, count + 1, 'terms').slice(1);
      const exponents = [bound - 1n, ...numbersBelow(bound, count, 'scalars')].slice(0, count);
      const exponentsBytes = fromBigInts(exponents, exponentBytes || 1).subarray(0, count * exponentBytes);
      const result = compute(width, 1, (out) =>
        ring.multiExponentiate(out, fromBigInts(bases, width), exponentsBytes, exponentBytes),
      );
      const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, square));
      expect(result).toEqual([product(powers, square)]);
    }
  });

  test('multiplies powers of a thousand bases', () => {
    const bases = numbersBelow(square, 1000, 'many terms');
    const exponents = numbersBelow(2n ** 64n, 1000, 'many scalars');
    const result = compute(width, 1, (out) =>
      ring.multiExponentiate(out, fromBigInts(bases, width), fromBigInts(exponents, 8), 8),
    );
    const powers = bases.map((base, index) => modPower(base, exponents[index] ?? 0n, square));
    expect(result).toEqual([product(powers, square)]);
  });

  test.each([1, 4, 5, 8, 10])('raises a fixed base with windows of %i bits, also scanned', (windowBits) => {
    const exponentBits = 37;
    const base = elementsOf(n, p, 10, 'fixed base')[9] ?? 2n;
    const bytes = new Uint8Array(new SharedArrayBuffer(ring.tableBytes(exponentBits, windowBits)));
    ring.buildTable(bytes, bigIntToBytes(base, width), exponentBits, windowBits);
    for (const count of [0, 1, 8, 9, 300]) {
      const bound = 2n ** BigInt(exponentBits);
      const exponents = [0n, bound - 1n, 1n, ...numbersBelow(bound, count, 'fixed exponents')].slice(0, count);
      const residues = [n - 1n, 0n, ...numbersBelow(n, count, 'masked')].slice(0, count);
      const powers = exponents.map((exponent) => modPower(base, exponent, square));
      for (const constantTime of [false, true]) {
        const table = { bytes, exponentBits, windowBits, constantTime };
        const inputs = fromBigInts(exponents, 5);
        expect(compute(width, count, (out) => ring.powerFixedBase(out, table, inputs))).toEqual(powers);
        const masked = compute(width, count, (out) =>
          ring.powerFixedBase(out, table, inputs, fromBigInts(residues, ring.rootBytes)),
        );
        expect(masked).toEqual(powers.map((power, index) => (power * (1n + (residues[index] ?? 0n) * n)) % square));
      }
    }
  });

  test('raises bases that are 0 or share a factor with N from a table', () => {
    for (const base of [0n, p, n, square - 1n]) {
      const bytes = new Uint8Array(ring.tableBytes(16, 4));
      ring.buildTable(bytes, bigIntToBytes(base, width), 16, 4);
      const table = { bytes, exponentBits: 16, windowBits: 4, constantTime: true };
      const exponents = [0n, 1n, 0xffffn];
      expect(compute(width, 3, (out) => ring.powerFixedBase(out, table, fromBigInts(exponents, 2)))).toEqual(
        exponents.map((exponent) => modPower(base, exponent, square)),
      );
    }
  });

  test.each([0, 1, 3, 4, 5, 9])('decrypts %i elements, ciphertexts or not', (count) => {
    const factored = engine.openFactoredRing(p, q);
    const ciphertexts = elementsOf(n, p, count, 'ciphertexts');
    const results = new Uint8Array(count * factored.rootBytes);
    factored.decrypt(results, fromBigInts(ciphertexts, width));
    expect(toBigInts(results, factored.rootBytes)).toEqual(ciphertexts.map((value) => plainDecrypt(value, p, q)));
    factored.close();
  });

  test.each([0, 1, 4, 5, 200])('encrypts %i residues as the owner', (count) => {
    const factored = engine.openFactoredRing(p, q);
    const base = elementsOf(n, p, 10, 'owner base')[9] ?? 2n;
    const shape = { exponentBits: 30, windowBits: 5 };
    const bytes = new Uint8Array(new SharedArrayBuffer(factored.ownerTableBytes(30, 5)));
    factored.buildOwnerTables(bytes, bigIntToBytes(base, width), 30, 5);
    const exponents = [0n, 2n ** 30n - 1n, ...numbersBelow(2n ** 30n, 2 * count, 'owner exponents')].slice(
      0,
      2 * count,
    );
    const residues = [n - 1n, 0n, ...numbersBelow(n, count, 'owner residues')].slice(0, count);
    const expected = residues.map((m, i) => plainOwnerEncrypt(base, exponents.slice(2 * i, 2 * i + 2), m, p, q));
    for (const constantTime of [false, true]) {
      const results = compute(width, count, (out) =>
        factored.encryptAsOwner(
          out,
          { ...shape, bytes, constantTime },
          fromBigInts(exponents, 4),
          fromBigInts(residues, factored.rootBytes),
        ),
      );
      expect(results).toEqual(expected);
    }
    factored.close();
  });

  describe.each([1024, 2048, 3072, 4096] as const)('with a key of %i bits', (keyBits) => {
    const large = ringOf(engine, keyBits);
    const values = elementsOf(large.n, large.p, 17, `values ${keyBits}`);

    test('multiplies, raises and masks', () => {
      const bytes = fromBigInts(values, large.width);
      const others = values.toReversed();
      expect(
        compute(large.width, 17, (out) => large.ring.multiply(out, bytes, fromBigInts(others, large.width))),
      ).toEqual(values.map((value, index) => (value * (others[index] ?? 0n)) % large.square));
      const units = values.slice(1);
      const unitBytes = fromBigInts(units, large.width);
      expect(compute(large.width, 1, (out) => large.ring.product(out, unitBytes))).toEqual([
        product(units, large.square),
      ]);
      const residues = [large.n - 1n, ...numbersBelow(large.n, 16, 'residues')];
      const residueBytes = fromBigInts(residues, large.ring.rootBytes);
      expect(compute(large.width, 17, (out) => large.ring.multiplyByOnePlus(out, bytes, residueBytes))).toEqual(
        values.map((value, index) => (value * (1n + (residues[index] ?? 0n) * large.n)) % large.square),
      );
      const exponents = [2n ** 24n - 1n, 0n, ...numbersBelow(2n ** 24n, 15, 'exponents')];
      const exponentBytes = fromBigInts(exponents, 3);
      const powers = values.map((value, index) => modPower(value, exponents[index] ?? 0n, large.square));
      expect(compute(large.width, 17, (out) => large.ring.power(out, bytes, exponentBytes, 3))).toEqual(powers);
      expect(
        compute(large.width, 1, (out) => large.ring.multiExponentiate(out, unitBytes, exponentBytes.subarray(3), 3)),
      ).toEqual([product(powers.slice(1), large.square)]);
    });

    test('encrypts from tables and decrypts', () => {
      const base = values[10] ?? 2n;
      const mask = modPower(base, large.n, large.square);
      const shape = { exponentBits: 20, windowBits: 5, constantTime: true };
      const bytes = new Uint8Array(large.ring.tableBytes(20, 5));
      large.ring.buildTable(bytes, bigIntToBytes(mask, large.width), 20, 5);
      const plaintexts = [0n, large.n - 1n, large.p, ...numbersBelow(large.n, 2, 'plaintexts')];
      const exponents = numbersBelow(2n ** 20n, 10, 'randomness');
      const residues = fromBigInts(plaintexts, large.ring.rootBytes);
      const ciphertexts = compute(large.width, 5, (out) =>
        large.ring.powerFixedBase(out, { ...shape, bytes }, fromBigInts(exponents.slice(0, 5), 3), residues),
      );
      expect(ciphertexts).toEqual(
        plaintexts.map(
          (m, i) => ((1n + m * large.n) * modPower(mask, exponents[i] ?? 0n, large.square)) % large.square,
        ),
      );
      const factored = engine.openFactoredRing(large.p, large.q);
      const decrypted = new Uint8Array(residues.length);
      factored.decrypt(decrypted, fromBigInts(ciphertexts, large.width));
      expect(decrypted).toEqual(residues);
      const tables = new Uint8Array(factored.ownerTableBytes(20, 5));
      factored.buildOwnerTables(tables, bigIntToBytes(mask, large.width), 20, 5);
      expect(
        compute(large.width, 5, (out) =>
          factored.encryptAsOwner(out, { ...shape, bytes: tables }, fromBigInts(exponents, 3), residues),
        ),
      ).toEqual(
        plaintexts.map((m, i) => plainOwnerEncrypt(mask, exponents.slice(2 * i, 2 * i + 2), m, large.p, large.q)),
      );
      factored.close();
    });
  });

  test('is right for any odd root, small or large, and any elements', () => {
    const root = fc.oneof(
      fc.bigInt({ min: 1n, max: 60n }),
      fc.bigInt({ min: 1n, max: 2n ** 80n }),
      fc
        .integer({ min: 5, max: 700 })
        .chain((bits) => fc.bigInt({ min: 2n ** BigInt(bits), max: 2n ** BigInt(bits + 1) })),
    );
    const value = fc.bigInt({ min: 0n, max: 2n ** 1500n });
    fc.assert(
      fc.property(root, value, value, fc.integer({ min: 0, max: 65_535 }), (half, x, y, exponent) => {
        const any = 2n * half + 1n;
        const modulus = any * any;
        const some = engine.openRing(any);
        const [left, right] = [
          bigIntToBytes(x % modulus, some.elementBytes),
          bigIntToBytes(y % modulus, some.elementBytes),
        ];
        const residue = bigIntToBytes(y % any, some.rootBytes);
        const results = [
          ...compute(some.elementBytes, 1, (out) => some.multiply(out, left, right)),
          ...compute(some.elementBytes, 1, (out) => some.power(out, left, bigIntToBytes(BigInt(exponent), 2), 2)),
          ...compute(some.elementBytes, 1, (out) => some.multiplyByOnePlus(out, left, residue)),
        ];
        some.close();
        const masked = (x * (1n + (y % any) * any)) % modulus;
        expect(results).toEqual([(x * y) % modulus, modPower(x, BigInt(exponent), modulus), masked]);
      }),
      { seed: 11, numRuns: 150 },
    );
  });

  // The longest roots for each count of digits, where columns are fullest and slack is smallest.
  test.each([43, 67, 2851, 2947, 2948, 3019, 4096])(
    'is right for the largest and smallest roots of %i bits',
    (bits) => {
      for (const root of [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits - 1) + 1n]) {
        const some = engine.openRing(root);
        const modulus = root * root;
        const halves = [2n ** BigInt(bits - 1), root - 1n, (root * 2n) / 3n, modulus / 2n, (modulus * 6n) / 7n];
        const values = [...halves, modulus - 1n, modulus - 2n, ...numbersBelow(modulus, 2, `root of ${bits} bits`)];
        const bytes = fromBigInts(values, some.elementBytes);
        const count = values.length;
        expect(compute(some.elementBytes, count, (out) => some.multiply(out, bytes, bytes))).toEqual(
          values.map((value) => (value * value) % modulus),
        );
        expect(compute(some.elementBytes, count, (out) => some.powerShared(out, bytes, Uint8Array.of(255, 7)))).toEqual(
          values.map((value) => modPower(value, 0xff07n, modulus)),
        );
        some.close();
      }
    },
  );

  test('decrypts for any two odd primes, however different in length', () => {
    for (const [small, other] of [
      [3n, 5n],
      [5n, 65_537n],
      [65_537n, p],
      [3n, q],
    ] as const) {
      const factored = engine.openFactoredRing(small, other);
      const m = factored.n - 2n;
      const ciphertexts = [
        ((1n + m * factored.n) * modPower(2n, factored.n, factored.n ** 2n)) % factored.n ** 2n,
        1n,
        0n,
      ];
      const out = new Uint8Array(3 * factored.rootBytes);
      factored.decrypt(out, fromBigInts(ciphertexts, factored.elementBytes));
      expect(toBigInts(out, factored.rootBytes)).toEqual([m, 0n, 0n]);
      factored.close();
    }
  });

  test('refuses buffers of wrong length, unusable roots and unusable tables', () => {
    const element = new Uint8Array(width);
    const factored = engine.openFactoredRing(p, q);
    const table = { bytes: new Uint8Array(5), exponentBits: 16, windowBits: 4, constantTime: false };
    const refused: (() => void)[] = [
      () => ring.multiply(element, new Uint8Array(width - 1), element),
      () => ring.multiply(element, element, new Uint8Array(2 * width)),
      () => ring.multiply(new Uint8Array(0), element, element),
      () => ring.product(new Uint8Array(1), element),
      () => ring.multiplyByOnePlus(element, element, element),
      () => ring.power(element, element, new Uint8Array(3), 2),
      () => ring.power(element, element, new Uint8Array(2), 1.5),
      () => ring.powerShared(new Uint8Array(1), element, element),
      () => ring.multiExponentiate(element, element, new Uint8Array(3), 2),
      () => ring.tableBytes(0, 4),
      () => ring.tableBytes(16, 13),
      () => ring.buildTable(new Uint8Array(1), element, 16, 4),
      () => ring.powerFixedBase(element, table, new Uint8Array(2)),
      () => factored.decrypt(new Uint8Array(1), element),
      () => factored.buildOwnerTables(new Uint8Array(1), element, 16, 4),
      () => factored.encryptAsOwner(element, table, new Uint8Array(4), new Uint8Array(factored.rootBytes)),
      () => engine.openRing(2n ** 1024n),
      () => engine.openRing(1n),
      () => engine.openFactoredRing(p, 4n),
      () => engine.openFactoredRing(p, p),
      () => engine.openFactoredRing(3n, testPrimes(2048)[0]),
    ];
    for (const call of refused) expect(call).toThrow(RangeError);
    factored.close();
  });

  test('several rings and threads work side by side on one shared table', async () => {
    const base = numbersBelow(square, 1, 'thread base');
    const bytes = new Uint8Array(new SharedArrayBuffer(ring.tableBytes(16, 4)));
    ring.buildTable(bytes, fromBigInts(base, width), 16, 4);
    const module = new URL('../../../crypto/modular/wasm-engine.ts', import.meta.url).href;
    const worker = new Worker(
      `import { parentPort, workerData } from 'node:worker_threads';
       import { register } from 'tsx/esm/api';
       register();
       const { loadWasmEngine } = await import(workerData.module);
       const ring = loadWasmEngine(workerData.options).openRing(workerData.root);
       const out = new Uint8Array(3 * ring.elementBytes);
       ring.powerFixedBase(out, workerData.table, workerData.exponents);
       parentPort.postMessage(out);`,
      {
        eval: true,
        workerData: {
          module,
          options: { relaxed: engine.name === 'wasm-relaxed' },
          root: n,
          table: { bytes, exponentBits: 16, windowBits: 4, constantTime: false },
          exponents: fromBigInts([7n, 65_535n, 0n], 2),
        },
      },
    );
    const [out]: unknown[] = await once(worker, 'message');
    await worker.terminate();
    const expected = [7n, 65_535n, 0n].map((exponent) => modPower(base[0] ?? 0n, exponent, square));
    expect(out).toEqual(fromBigInts(expected, width));
  });
});
