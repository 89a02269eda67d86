import { bitLength } from '../modular/bytes.ts';
import type { EngineName, ModularEngine } from '../modular/engine.ts';
import type { Masking, Operation, Task, TaskKey } from './tasks.ts';

/** Microseconds of one multiplication modulo n² for n of 2048 bits, measured; only their order of magnitude matters. */
const MULTIPLICATION_MICROS: Record<EngineName, number> = {
  'native-ifma': 0.3,
  'native-avx512': 0.7,
  'native-avx2': 1.4,
  'wasm-relaxed': 2.2,
  wasm: 3.5,
  bigint: 9,
};

/** One inversion modulo n² on BigInt, for n of 2048 bits; a piece of work takes one for all its items. */
const INVERSION_MICROS = 2000;
/** Multiplications per exponent bit with fixed windows: one squaring, and a product now and then. */
const PER_EXPONENT_BIT = 1.25;
/** Comparing one number with n². */
const RANGE_MICROS = 0.5;
/** One gcd with n, for n of 2048 bits. */
const GCD_MICROS = 700;

/** A rough forecast of the time a task takes in one thread, to decide where it runs. */
export function estimateMicros(
  engine: ModularEngine,
  task: Pick<Task, 'key' | 'operation' | 'count' | 'inputs'>,
): number {
  const keyBits = keyBitsOf(task.key);
  const width = (keyBits / 2048) ** 2;
  const lanes = lanesOf(engine, task.operation);
  const items = Math.ceil(task.count / lanes) * lanes;
  const multiplications = multiplicationsPerItem(task, keyBits);
  const checkMicros = task.operation.kind === 'check' ? GCD_MICROS * width + RANGE_MICROS * task.count : 0;
  const inversionMicros = inverts(task) ? INVERSION_MICROS * width : 0;
  return items * multiplications * MULTIPLICATION_MICROS[engine.name] * width + checkMicros + inversionMicros;
}

/** How many items one kernel call works on side by side: a column of a dot product fills all lanes alone. */
export function lanesOf(engine: ModularEngine, operation: Operation): number {
  return operation.kind === 'dotColumns' ? 1 : engine.lanes;
}

function inverts({ operation, inputs }: Pick<Task, 'operation' | 'inputs'>): boolean {
  if (operation.kind === 'powerShared') return operation.negative;
  const isSigned = operation.kind === 'power' || operation.kind === 'multiExponentiate';
  return isSigned ? (inputs[2]?.includes(1) ?? false) : operation.kind === 'divide';
}

function keyBitsOf(key: TaskKey): number {
  return 'n' in key ? bitLength(key.n) : bitLength(key.p) + bitLength(key.q);
}

function multiplicationsPerItem(
  { operation, count, inputs }: Pick<Task, 'operation' | 'count' | 'inputs'>,
  keyBits: number,
): number {
  if ('masking' in operation) return maskingMultiplications(operation.masking, keyBits);
  if (operation.kind === 'accumulatePowers') return 2 + Math.ceil(operation.exponentBits / operation.windowBits);
  if ('windowBits' in operation)
    return Math.ceil(operation.exponentBits / operation.windowBits) * 2 ** operation.windowBits;
  if (operation.kind === 'dotColumns') {
    return dotMultiplications((inputs[0]?.length ?? 0) / Math.max(1, count), operation.exponentBytes);
  }
  const exponentBits = count === 0 ? 0 : ((inputs[1]?.length ?? 0) / count) * 8;
  const costs: Record<
    Exclude<
      Operation['kind'],
      | 'encrypt'
      | 'mask'
      | 'rerandomize'
      | 'buildTable'
      | 'buildOwnerTables'
      | 'dotColumns'
      | 'accumulatePowers'
      | 'readAccumulator'
    >,
    number
  > = {
    // Two exponentiations of half the length, in rings of half the width.
    decrypt: PER_EXPONENT_BIT * (keyBits / 4),
    encryptAsOwner: keyBits / 2 / 8 / 2,
    multiply: 6 * (inputs.length - 1),
    divide: 12,
    addPlaintext: 4,
    power: PER_EXPONENT_BIT * exponentBits,
    powerShared: operation.kind === 'powerShared' ? PER_EXPONENT_BIT * operation.exponent.length * 8 : 0,
    ownerBase: PER_EXPONENT_BIT * keyBits,
    check: 2,
    split: 20,
    product: 2,
    multiExponentiate: powerMultiplications(count, exponentBits),
  };
  return costs[operation.kind];
}

/** One column: its terms, as many as its exponents have the width of one. */
function dotMultiplications(columnBytes: number, exponentBytes: number): number {
  const terms = columnBytes / exponentBytes;
  return terms * powerMultiplications(terms, 8 * exponentBytes);
}

/** One term of a product of powers. */
function powerMultiplications(terms: number, exponentBits: number): number {
  return 2 + exponentBits / Math.max(1, Math.log2(terms + 1) - 3);
}

function maskingMultiplications(masking: Masking, keyBits: number): number {
  if (masking.kind === 'standard') return PER_EXPONENT_BIT * keyBits;
  if (!masking.table) return PER_EXPONENT_BIT * masking.exponentBits;
  return masking.exponentBits / masking.table.windowBits + 2;
}
