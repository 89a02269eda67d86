import { bigIntToBytes, bytesToBigInt, elementAt, writeBigInt } from '../modular/bytes.ts';
import type { FixedBaseTable, PowerAccumulator, SquareRing } from '../modular/engine.ts';
import { modInverse } from '../modular/number-theory.ts';
import { fillRandomBelow, fillRandomBits } from '../modular/random.ts';
import { splitElements } from '../modular/split.ts';
import { check } from './check.ts';
import type { OpenRings } from './open-rings.ts';
import { ownerGenerator } from './owner-generator.ts';

/** Where the randomness of a ciphertext comes from: base ^ ρ for ρ of `exponentBits` random bits, or r ^ n. */
export type Masking =
  | {
      readonly kind: 'fixed-base';
      readonly base: Uint8Array;
      readonly exponentBits: number;
      readonly table?: SharedTable;
    }
  | { readonly kind: 'standard' };

/** A table that several threads read; `id` names it across threads. */
export interface SharedTable extends FixedBaseTable {
  readonly id: number;
}

/** The modulus of a task, public or by its secret primes. */
export type TaskKey = { readonly n: bigint } | { readonly p: bigint; readonly q: bigint };

/** What to compute, with everything that is the same for all items. */
export type Operation =
  /** [residues] → ciphertexts */
  | { readonly kind: 'encrypt'; readonly masking: Masking }
  /** [residues] → ciphertexts, by the owner of the key */
  | { readonly kind: 'encryptAsOwner'; readonly tables: SharedTable }
  /** [] → encryptions of 0 */
  | { readonly kind: 'mask'; readonly masking: Masking }
  /** [ciphertexts] → ciphertexts of the same plaintexts */
  | { readonly kind: 'rerandomize'; readonly masking: Masking }
  /** [ciphertexts] → residues */
  | { readonly kind: 'decrypt' }
  /** [factors, other factors, …], two or more → products */
  | { readonly kind: 'multiply' }
  /** [left, right] → left / right */
  | { readonly kind: 'divide' }
  /** [ciphertexts, residues] → ciphertexts of the sums */
  | { readonly kind: 'addPlaintext' }
  /** [bases, exponents, signs (1 byte, 1 = negative)] → powers */
  | { readonly kind: 'power' }
  /** [bases] → powers by one exponent */
  | { readonly kind: 'powerShared'; readonly exponent: Uint8Array; readonly negative: boolean }
  /** [elements] → what {@link check} finds, 1 byte each */
  | { readonly kind: 'check'; readonly refuseUnmasked: boolean }
  /** [elements] → one product */
  | { readonly kind: 'product' }
  /** [bases, exponents, signs] → one product of powers */
  | { readonly kind: 'multiExponentiate' }
  /** [bases, exponents] → their powers, multiplied into the accumulator that is `out` */
  | ({ readonly kind: 'accumulatePowers' } & Omit<PowerAccumulator, 'bytes'>)
  /** [accumulator] → the product that it stands for */
  | ({ readonly kind: 'readAccumulator' } & Omit<PowerAccumulator, 'bytes'>)
  /** [elements] → pairs c mod n, ⌊c / n⌋ */
  | { readonly kind: 'split' }
  /** [columns of exponents, unsigned, one for each base] → one product of powers for each column */
  | { readonly kind: 'dotColumns'; readonly bases: Uint8Array; readonly exponentBytes: number }
  /** [base] → one table */
  | { readonly kind: 'buildTable'; readonly exponentBits: number; readonly windowBits: number }
  /** [] → one n-th residue that generates them all, the base of the owner's tables */
  | { readonly kind: 'ownerBase' }
  /** [base] → one pair of tables */
  | { readonly kind: 'buildOwnerTables'; readonly exponentBits: number; readonly windowBits: number };

const NOTHING = new Uint8Array(0);

type PrivateOperation = Extract<Operation, { kind: 'decrypt' | 'encryptAsOwner' | 'ownerBase' | 'buildOwnerTables' }>;

type ProductOperation = Extract<
  Operation,
  { kind: 'product' | 'multiExponentiate' | 'dotColumns' | 'accumulatePowers' | 'readAccumulator' }
>;

/** One operation on `count` items; each input is a flat buffer of `count` numbers. */
export interface Task {
  readonly key: TaskKey;
  readonly operation: Operation;
  readonly count: number;
  readonly inputs: readonly Uint8Array[];
  readonly out: Uint8Array;
}

/** Performs a task in the calling thread. */
export function runTask(rings: OpenRings, task: Task): void {
  const { key, operation } = task;
  if (task.count === 0 && !isReduction(operation)) return;
  if (isPrivate(operation)) {
    if (!('p' in key)) throw new Error(`runTask: ${operation.kind} needs the private key`);
    runPrivateTask(rings, task, operation, key);
  } else {
    runPublicTask(rings.square('p' in key ? key.p * key.q : key.n), task, operation, rings);
  }
}

function runPrivateTask(
  rings: OpenRings,
  { inputs, out, count }: Task,
  operation: PrivateOperation,
  { p, q }: { p: bigint; q: bigint },
): void {
  if (operation.kind === 'ownerBase') return drawOwnerBase(rings.square(p * q), out, p, q);
  const ring = rings.factored(p, q);
  const [input] = threeInputs(inputs);
  if (operation.kind === 'decrypt') {
    ring.decrypt(out, input);
  } else if (operation.kind === 'buildOwnerTables') {
    ring.buildOwnerTables(out, input, operation.exponentBits, operation.windowBits);
  } else {
    const tables = rings.table(operation.tables);
    const exponents = drawOwnerExponents(count, [p, q], Math.ceil(tables.exponentBits / 8));
    ring.encryptAsOwner(out, tables, exponents, input);
    exponents.fill(0);
  }
}

function runPublicTask(
  ring: SquareRing,
  { inputs, out, count }: Task,
  operation: Exclude<Operation, PrivateOperation>,
  rings: OpenRings,
): void {
  const [first, second, third] = threeInputs(inputs);
  if ('masking' in operation) return runMasking(rings, ring, operation, out, first);
  if (isProduct(operation)) return runProducts(ring, operation, out, count, [first, second, third]);
  switch (operation.kind) {
    case 'multiply':
      return multiplyAll(ring, out, inputs);
    case 'divide':
      invertAll(ring, out, second);
      return ring.multiply(out, out, first);
    case 'addPlaintext':
      return ring.multiplyByOnePlus(out, first, second);
    case 'power':
      return signedPower(ring, out, first, second, third);
    case 'powerShared':
      ring.powerShared(out, first, operation.exponent);
      if (operation.negative) invertAll(ring, out, new Uint8Array(out));
      return undefined;
    case 'split':
      return splitElements(ring.root, ring.rootBytes, out, first);
    case 'check':
      return check(ring, out, first, operation.refuseUnmasked);
    case 'buildTable':
      return ring.buildTable(out, first, operation.exponentBits, operation.windowBits);
  }
}

type Inputs = readonly [Uint8Array, Uint8Array, Uint8Array];

function isProduct(operation: Operation): operation is ProductOperation {
  return isReduction(operation) || isWhole(operation) || operation.kind === 'dotColumns';
}

/** Whether an operation makes one element of all items. */
export function isReduction({ kind }: Operation): boolean {
  return kind === 'product' || kind === 'multiExponentiate';
}

/** Whether an operation cannot be divided among threads: its result is one memory for all items. */
export function isWhole({ kind }: Operation): boolean {
  return kind === 'accumulatePowers' || kind === 'readAccumulator';
}

/** Products over all bases. */
function runProducts(
  ring: SquareRing,
  operation: ProductOperation,
  out: Uint8Array,
  count: number,
  inputs: Inputs,
): void {
  if (operation.kind === 'product') ring.product(out, inputs[0]);
  else if (operation.kind === 'multiExponentiate') signedMultiExponentiate(ring, out, count, inputs);
  else if (operation.kind === 'accumulatePowers') {
    ring.accumulatePowers({ ...operation, bytes: out }, inputs[0], inputs[1]);
  } else if (operation.kind === 'readAccumulator') ring.readAccumulator(out, { ...operation, bytes: inputs[0] });
  else dotColumns(ring, out, count, inputs[0], operation);
}

function threeInputs(inputs: readonly Uint8Array[]): [Uint8Array, Uint8Array, Uint8Array] {
  const [first = NOTHING, second = NOTHING, third = NOTHING] = inputs;
  return [first, second, third];
}

function isPrivate(operation: Operation): operation is PrivateOperation {
  return ['decrypt', 'encryptAsOwner', 'ownerBase', 'buildOwnerTables'].includes(operation.kind);
}

function runMasking(
  rings: OpenRings,
  ring: SquareRing,
  operation: Extract<Operation, { masking: Masking }>,
  out: Uint8Array,
  input: Uint8Array,
): void {
  mask(rings, ring, operation.masking, out, operation.kind === 'encrypt' ? input : undefined);
  if (operation.kind === 'rerandomize') ring.multiply(out, out, input);
}

/** Fresh encryptions of `residues`, or of 0. */
function mask(rings: OpenRings, ring: SquareRing, masking: Masking, out: Uint8Array, residues?: Uint8Array): void {
  const count = out.length / ring.elementBytes;
  if (masking.kind === 'standard') {
    const secrets = drawUnits(ring, count);
    ring.powerShared(out, secrets, bigIntToBytes(ring.root, ring.rootBytes));
    secrets.fill(0);
    if (residues) ring.multiplyByOnePlus(out, out, residues);
    return;
  }
  const exponentBytes = Math.ceil(masking.exponentBits / 8);
  const exponents = new Uint8Array(count * exponentBytes);
  fillRandomBits(exponents, exponentBytes, masking.exponentBits);
  if (masking.table) {
    ring.powerFixedBase(out, rings.table(masking.table), exponents, residues);
  } else {
    for (let index = 0; index < count; index += 1) elementAt(out, index, ring.elementBytes).set(masking.base);
    ring.power(out, new Uint8Array(out), exponents, exponentBytes);
    if (residues) ring.multiplyByOnePlus(out, out, residues);
  }
  exponents.fill(0);
}

/** Uniform numbers below the root, as elements. */
function drawUnits(ring: SquareRing, count: number): Uint8Array {
  const { rootBytes, elementBytes } = ring;
  const residues = new Uint8Array(count * rootBytes);
  // 0 and numbers that share a factor with n would be no units; nobody meets one by chance, so no test is spent on it.
  fillRandomBelow(residues, bigIntToBytes(ring.root, rootBytes));
  const units = new Uint8Array(count * elementBytes);
  for (let index = 0; index < count; index += 1) {
    units.set(elementAt(residues, index, rootBytes), index * elementBytes + rootBytes);
  }
  residues.fill(0);
  return units;
}

/** g^n mod n² for a g that generates Z*_p and Z*_q. */
function drawOwnerBase(ring: SquareRing, out: Uint8Array, p: bigint, q: bigint): void {
  const generator = bigIntToBytes(ownerGenerator(p, q), ring.elementBytes);
  ring.powerShared(out, generator, bigIntToBytes(ring.root, ring.rootBytes));
}

/** ρ uniform in [0, prime − 1) for each prime in turn. */
function drawOwnerExponents(count: number, primes: readonly bigint[], width: number): Uint8Array {
  const exponents = new Uint8Array(count * primes.length * width);
  for (const [place, prime] of primes.entries()) {
    const drawn = new Uint8Array(count * width);
    fillRandomBelow(drawn, bigIntToBytes(prime - 1n, width));
    for (let index = 0; index < count; index += 1) {
      exponents.set(elementAt(drawn, index, width), (index * primes.length + place) * width);
    }
    drawn.fill(0);
  }
  return exponents;
}

/** out[i] = the product of all inputs' i-th. */
function multiplyAll(
  ring: SquareRing,
  out: Uint8Array,
  [first = NOTHING, second = NOTHING, ...others]: readonly Uint8Array[],
): void {
  ring.multiply(out, first, second);
  for (const factors of others) ring.multiply(out, out, factors);
}

/** out[i] = 1 / elements[i]: one inversion for all, spread over a tree of products. `out` may not be `elements`. */
function invertAll(ring: SquareRing, out: Uint8Array, elements: Uint8Array): void {
  const width = ring.elementBytes;
  const count = elements.length / width;
  if (count === 0) return;
  if (count === 1) {
    writeBigInt(out, modInverse(bytesToBigInt(elements), ring.root * ring.root));
    return;
  }
  const half = Math.ceil(count / 2);
  const left = elements.subarray(0, half * width);
  const right = new Uint8Array(half * width);
  right.set(elements.subarray(half * width));
  if (count % 2 === 1) right[right.length - 1] = 1;
  const products = new Uint8Array(half * width);
  ring.multiply(products, left, right);
  const inverses = new Uint8Array(half * width);
  invertAll(ring, inverses, products);
  ring.multiply(products, inverses, right);
  out.set(products);
  ring.multiply(products, inverses, left);
  out.set(products.subarray(0, (count - half) * width), half * width);
}

function signedPower(
  ring: SquareRing,
  out: Uint8Array,
  bases: Uint8Array,
  exponents: Uint8Array,
  signs: Uint8Array,
): void {
  const width = ring.elementBytes;
  ring.power(out, bases, exponents, exponents.length / signs.length);
  const negative = indicesOf(signs, 1);
  const powers = gather(out, width, negative);
  const inverses = new Uint8Array(powers.length);
  invertAll(ring, inverses, powers);
  for (const [position, index] of negative.entries()) {
    elementAt(out, index, width).set(elementAt(inverses, position, width));
  }
}

function signedMultiExponentiate(
  ring: SquareRing,
  out: Uint8Array,
  count: number,
  [bases, exponents, signs]: Inputs,
): void {
  const exponentBytes = count === 0 ? 1 : exponents.length / count;
  const [numerator, denominator] = [0, 1].map((sign) => {
    const indices = indicesOf(signs, sign);
    const result = new Uint8Array(ring.elementBytes);
    const [chosen, powers] = [gather(bases, ring.elementBytes, indices), gather(exponents, exponentBytes, indices)];
    ring.multiExponentiate(result, chosen, powers, exponentBytes);
    return result;
  });
  const inverse = new Uint8Array(ring.elementBytes);
  invertAll(ring, inverse, denominator ?? inverse);
  ring.multiply(out, numerator ?? inverse, inverse);
}

function dotColumns(
  ring: SquareRing,
  out: Uint8Array,
  count: number,
  columns: Uint8Array,
  { bases, exponentBytes }: Extract<Operation, { kind: 'dotColumns' }>,
): void {
  const columnBytes = columns.length / count;
  for (let column = 0; column < count; column += 1) {
    const exponents = elementAt(columns, column, columnBytes);
    ring.multiExponentiate(elementAt(out, column, ring.elementBytes), bases, exponents, exponentBytes);
  }
}

function indicesOf(signs: Uint8Array, sign: number): number[] {
  return Array.from(signs.keys()).filter((index) => signs[index] === sign);
}

function gather(elements: Uint8Array, width: number, indices: readonly number[]): Uint8Array {
  const gathered = new Uint8Array(indices.length * width);
  for (const [position, index] of indices.entries()) gathered.set(elementAt(elements, index, width), position * width);
  return gathered;
}
