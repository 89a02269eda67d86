import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bigIntToBytes, bitLength, byteLength, bytesToBigInt } from './bytes.ts';
import type { FactoredRing, FixedBaseTable, ModularEngine, PowerAccumulator, SquareRing } from './engine.ts';
import { factoredRingConstants, squareRingConstants, wipeConstants } from './native-constants.ts';
import type { FactoredRingConstants, RingGeometry, SquareRingConstants } from './native-constants.ts';
import { modInverse } from './number-theory.ts';

/** An instruction set the addon has a path for, fastest first: AVX-512 IFMA, AVX-512F, AVX2. */
export type NativePath = 'ifma' | 'avx512' | 'avx2';

/** How to load the native engine. */
export interface NativeEngineOptions {
  /** Use this path although a faster one may be there; by default the fastest. */
  readonly path?: NativePath;
  /** The addon's file; by default where scripts/build-native.mjs puts it, for the sources as for the compiled package. */
  readonly file?: string;
}

/** The longest root a ring accepts, in bits; see kernels/native/README.md for the bound behind it. */
const MAX_ROOT_BITS = 6144;

const PATHS: readonly NativePath[] = ['ifma', 'avx512', 'avx2'];

/**
 * The engine compiled from kernels/native, or undefined where it cannot run: not built, another processor, or without
 * the path asked for. {@link nativeEngineProblem} says which.
 */
export function loadNativeEngine(options: NativeEngineOptions = {}): ModularEngine | undefined {
  const loaded = loadAddon(options);
  return typeof loaded === 'string' ? undefined : new NativeEngine(loaded.addon, loaded.path);
}

/** Why {@link loadNativeEngine} returns undefined for these options; undefined when it does not. */
export function nativeEngineProblem(options: NativeEngineOptions = {}): string | undefined {
  const loaded = loadAddon(options);
  return typeof loaded === 'string' ? loaded : undefined;
}

/** A ring inside the addon. */
type RingHandle = object;

/** What kernels/native/addon.cc exports. Wrong sizes are RangeErrors. */
interface NativeAddon {
  paths(): string[];
  geometry(path: NativePath, rootBits: number): RingGeometry;
  openSquareRing(path: NativePath, constants: SquareRingConstants): RingHandle;
  openFactoredRing(path: NativePath, constants: FactoredRingConstants): RingHandle;
  close(ring: RingHandle): void;
  multiply(ring: RingHandle, out: Uint8Array, left: Uint8Array, right: Uint8Array): void;
  product(ring: RingHandle, out: Uint8Array, elements: Uint8Array): void;
  multiplyByOnePlus(ring: RingHandle, out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void;
  power(ring: RingHandle, out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void;
  powerShared(ring: RingHandle, out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void;
  multiExponentiate: NativeAddon['power'];
  accumulatorBytes: NativeAddon['tableBytes'];
  accumulatePowers(
    ring: RingHandle,
    accumulator: Uint8Array,
    bases: Uint8Array,
    exponents: Uint8Array,
    exponentBits: number,
    windowBits: number,
    isSplit: boolean,
  ): void;
  readAccumulator(
    ring: RingHandle,
    out: Uint8Array,
    accumulator: Uint8Array,
    exponentBits: number,
    windowBits: number,
    isSplit: boolean,
  ): void;
  tableBytes(ring: RingHandle, exponentBits: number, windowBits: number): number;
  /** `inverse`: the base's modulo the root, as wide as the base. */
  buildTable(
    ring: RingHandle,
    table: Uint8Array,
    base: Uint8Array,
    inverse: Uint8Array,
    exponentBits: number,
    windowBits: number,
  ): void;
  powerFixedBase(
    ring: RingHandle,
    out: Uint8Array,
    table: Uint8Array,
    exponentBits: number,
    windowBits: number,
    constantTime: boolean,
    exponents: Uint8Array,
    residues: Uint8Array | undefined,
  ): void;
  decrypt(ring: RingHandle, out: Uint8Array, ciphertexts: Uint8Array): void;
  ownerTableBytes: NativeAddon['tableBytes'];
  buildOwnerTables: NativeAddon['buildTable'];
  encryptAsOwner: NativeAddon['powerFixedBase'];
}

const ADDON_FUNCTIONS: readonly (keyof NativeAddon)[] = [
  'paths',
  'geometry',
  'openSquareRing',
  'openFactoredRing',
  'close',
  'multiply',
  'product',
  'multiplyByOnePlus',
  'power',
  'powerShared',
  'multiExponentiate',
  'accumulatorBytes',
  'accumulatePowers',
  'readAccumulator',
  'tableBytes',
  'buildTable',
  'powerFixedBase',
  'decrypt',
  'ownerTableBytes',
  'buildOwnerTables',
  'encryptAsOwner',
];

class NativeEngine implements ModularEngine {
  readonly name: ModularEngine['name'];
  readonly lanes: number;
  readonly constantTime = true;
  readonly #addon: NativeAddon;
  readonly #path: NativePath;

  constructor(addon: NativeAddon, path: NativePath) {
    this.#addon = addon;
    this.#path = path;
    this.name = `native-${path}`;
    this.lanes = addon.geometry(path, 2048).lanes;
  }

  openRing(root: bigint): SquareRing {
    checkRoot(root);
    const constants = squareRingConstants(root, this.#addon.geometry(this.#path, bitLength(root)));
    return new NativeSquareRing(this.#addon, this.#addon.openSquareRing(this.#path, constants), root);
  }

  openFactoredRing(p: bigint, q: bigint): FactoredRing {
    for (const prime of [p, q]) checkRoot(prime);
    const geometry = this.#addon.geometry(this.#path, Math.max(bitLength(p), bitLength(q)));
    const constants = factoredRingConstants(p, q, geometry);
    try {
      return new NativeFactoredRing(this.#addon, this.#addon.openFactoredRing(this.#path, constants), p * q);
    } finally {
      wipeConstants(constants);
    }
  }
}

class NativeSquareRing implements SquareRing {
  readonly root: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #addon: NativeAddon;
  readonly #handle: RingHandle;

  constructor(addon: NativeAddon, handle: RingHandle, root: bigint) {
    this.#addon = addon;
    this.#handle = handle;
    this.root = root;
    this.rootBytes = byteLength(root);
    this.elementBytes = 2 * this.rootBytes;
  }

  multiply(out: Uint8Array, left: Uint8Array, right: Uint8Array): void {
    this.#addon.multiply(this.#handle, out, left, right);
  }

  product(out: Uint8Array, elements: Uint8Array): void {
    this.#addon.product(this.#handle, out, elements);
  }

  multiplyByOnePlus(out: Uint8Array, elements: Uint8Array, residues: Uint8Array): void {
    this.#addon.multiplyByOnePlus(this.#handle, out, elements, residues);
  }

  power(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    this.#addon.power(this.#handle, out, bases, exponents, exponentBytes);
  }

  powerShared(out: Uint8Array, bases: Uint8Array, exponent: Uint8Array): void {
    this.#addon.powerShared(this.#handle, out, bases, exponent);
  }

  multiExponentiate(out: Uint8Array, bases: Uint8Array, exponents: Uint8Array, exponentBytes: number): void {
    this.#addon.multiExponentiate(this.#handle, out, bases, exponents, exponentBytes);
  }

  accumulatorBytes(exponentBits: number, windowBits: number): number {
    return this.#addon.accumulatorBytes(this.#handle, exponentBits, windowBits);
  }

  accumulatePowers(accumulator: PowerAccumulator, bases: Uint8Array, exponents: Uint8Array): void {
    const { bytes, exponentBits, windowBits, isSplit } = accumulator;
    this.#addon.accumulatePowers(this.#handle, bytes, bases, exponents, exponentBits, windowBits, isSplit);
  }

  readAccumulator(out: Uint8Array, { bytes, exponentBits, windowBits, isSplit }: PowerAccumulator): void {
    this.#addon.readAccumulator(this.#handle, out, bytes, exponentBits, windowBits, isSplit);
  }

  tableBytes(exponentBits: number, windowBits: number): number {
    return this.#addon.tableBytes(this.#handle, exponentBits, windowBits);
  }

  buildTable(table: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    this.#addon.buildTable(this.#handle, table, base, inverseOf(base, this.root), exponentBits, windowBits);
  }

  powerFixedBase(out: Uint8Array, table: FixedBaseTable, exponents: Uint8Array, residues?: Uint8Array): void {
    const { bytes, exponentBits, windowBits, constantTime } = table;
    this.#addon.powerFixedBase(this.#handle, out, bytes, exponentBits, windowBits, constantTime, exponents, residues);
  }

  close(): void {
    this.#addon.close(this.#handle);
  }
}

class NativeFactoredRing implements FactoredRing {
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  readonly #addon: NativeAddon;
  readonly #handle: RingHandle;

  constructor(addon: NativeAddon, handle: RingHandle, n: bigint) {
    this.#addon = addon;
    this.#handle = handle;
    this.n = n;
    this.rootBytes = byteLength(n);
    this.elementBytes = 2 * this.rootBytes;
  }

  decrypt(out: Uint8Array, ciphertexts: Uint8Array): void {
    this.#addon.decrypt(this.#handle, out, ciphertexts);
  }

  ownerTableBytes(exponentBits: number, windowBits: number): number {
    return this.#addon.ownerTableBytes(this.#handle, exponentBits, windowBits);
  }

  buildOwnerTables(tables: Uint8Array, base: Uint8Array, exponentBits: number, windowBits: number): void {
    this.#addon.buildOwnerTables(this.#handle, tables, base, inverseOf(base, this.n), exponentBits, windowBits);
  }

  encryptAsOwner(out: Uint8Array, tables: FixedBaseTable, exponents: Uint8Array, residues: Uint8Array): void {
    const { bytes, exponentBits, windowBits, constantTime } = tables;
    this.#addon.encryptAsOwner(this.#handle, out, bytes, exponentBits, windowBits, constantTime, exponents, residues);
  }

  close(): void {
    this.#addon.close(this.#handle);
  }
}

/** The inverse modulo a root, as wide as the base. */
function inverseOf(base: Uint8Array, root: bigint): Uint8Array {
  return bigIntToBytes(modInverse(bytesToBigInt(base), root), base.length);
}

function checkRoot(root: bigint): void {
  if (root < 3n || (root & 1n) === 0n) {
    throw new RangeError(`ring: expected an odd root of at least 3, got ${root < 3n ? 'a smaller' : 'an even'} one`);
  }
  if (bitLength(root) > MAX_ROOT_BITS) {
    throw new RangeError(`ring: expected a root of at most ${MAX_ROOT_BITS} bits, got ${bitLength(root)}`);
  }
}

/** The addon and the path to use, or the reason why there is none. */
function loadAddon(options: NativeEngineOptions): { addon: NativeAddon; path: NativePath } | string {
  const file = options.file ?? findAddonFile();
  if (file === undefined || !existsSync(file)) {
    return 'the native engine is not built; "npm run build:native" builds it where there is a C++ compiler';
  }
  try {
    const addon: unknown = createRequire(import.meta.url)(file);
    if (!isNativeAddon(addon)) return `${file} is not this version's native engine; run "npm run build:native"`;
    const supported = addon.paths();
    const path = PATHS.find((name) => supported.includes(name) && (options.path ?? name) === name);
    return path ? { addon, path } : `this processor lacks ${options.path ?? 'AVX2'}`;
  } catch (error) {
    return `cannot load ${file}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Beside the sources (crypto/modular) or two folders above the compiled files (dist/crypto/modular). */
function findAddonFile(): string | undefined {
  const place = join('kernels', 'native', 'build', 'paillier.node');
  return ['../..', '../../..'].map((up) => join(import.meta.dirname, up, place)).find((file) => existsSync(file));
}

function isNativeAddon(value: unknown): value is NativeAddon {
  if (typeof value !== 'object' || value === null) return false;
  return ADDON_FUNCTIONS.every((name) => typeof Reflect.get(value, name) === 'function');
}
