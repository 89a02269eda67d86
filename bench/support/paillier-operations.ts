import { setImmediate } from 'node:timers/promises';
import { bigIntToBytes, fromBigInts, toBigInts } from '../../crypto/modular/bytes.ts';
import { modPower } from '../../crypto/modular/number-theory.ts';
import { randomBelow } from '../../crypto/modular/random.ts';
import type { KeyPair, ObfuscatorPool } from '../../crypto/paillier/index.ts';
import { keepObfuscators, planPacking } from '../../crypto/paillier/index.ts';
import type { OpenRings } from '../../crypto/paillier/open-rings.ts';
import { ownerGenerator } from '../../crypto/paillier/owner-generator.ts';
import { packValues, unpackValues } from '../../crypto/paillier/packing.ts';
import { derivedSquare } from '../../crypto/paillier/state.ts';
import { runTask } from '../../crypto/paillier/tasks.ts';
import type { Masking, Operation, SharedTable, TaskKey } from '../../crypto/paillier/tasks.ts';
import type { Work } from './measure.ts';
import type { PythonOperation } from './python-paillier.ts';

/** One row of the table: the same work in every engine, and in the implementations it is compared with. */
export interface BenchOperation {
  readonly name: string;
  readonly prepare: (rings: OpenRings) => Work;
  /** The same with `paillier-bigint`. */
  readonly reference: Work;
  /** The same with python-paillier; its time is divided by `items`. */
  readonly python?: { readonly operations: readonly PythonOperation[]; readonly items: number };
}

const BATCH = 64;
const DOT_TERMS = 8192;
const SUM_TERMS = 1000;
const PARTIES = 8;
/** Masks that a pool keeps as numbers. */
const READY = 32;

let lastTableId = 1_000_000;

/** What all rows of one key share. */
class Setting {
  readonly keys: KeyPair;
  readonly p: bigint;
  readonly q: bigint;
  readonly n: bigint;
  readonly rootBytes: number;
  readonly elementBytes: number;
  /** Any numbers below n² take the time of ciphertexts. */
  readonly numbers: readonly bigint[];
  readonly ciphertexts: Uint8Array;

  constructor(keys: KeyPair, p: bigint, q: bigint) {
    this.keys = keys;
    [this.p, this.q, this.n] = [p, q, p * q];
    this.rootBytes = Math.ceil(keys.publicKey.bitLength / 8);
    this.elementBytes = 2 * this.rootBytes;
    this.numbers = Array.from({ length: DOT_TERMS }, () => 1n + randomBelow(this.n ** 2n - 1n));
    this.ciphertexts = fromBigInts(this.numbers, this.elementBytes);
  }

  /** The first `count` ciphertexts. */
  first(count: number): Uint8Array {
    return this.ciphertexts.subarray(0, count * this.elementBytes);
  }

  /** `count` random numbers of `bits` bits, `bits / 8` bytes each. */
  exponents(count: number, bits: number): Uint8Array {
    return fromBigInts(
      Array.from({ length: count }, () => 2n ** BigInt(bits - 1) + randomBelow(2n ** BigInt(bits - 1))),
      bits / 8,
    );
  }

  /** An operation as the library performs it in one thread. */
  work(
    rings: OpenRings,
    operation: Operation,
    inputs: readonly Uint8Array[],
    count: number,
    options: { outBytes?: number; key?: TaskKey; items?: number } = {},
  ): Work {
    const out = new Uint8Array(options.outBytes ?? count * this.elementBytes);
    const task = { key: options.key ?? { n: this.n }, operation, inputs, count, out };
    return { items: options.items ?? count, run: () => runTask(rings, task) };
  }

  /** Half-length exponents with the window that the library chooses for long use. */
  masking(rings: OpenRings, constantTime: boolean): Masking {
    const exponentBits = this.keys.publicKey.bitLength / 2;
    const windowBits = constantTime ? 5 : longestWindow(rings, this.keys.publicKey.bitLength, 11);
    const ring = rings.square(this.n);
    const base = bigIntToBytes(modPower(derivedSquare(this.n), this.n, this.n ** 2n), this.elementBytes);
    const bytes = new Uint8Array(ring.tableBytes(exponentBits, windowBits));
    ring.buildTable(bytes, base, exponentBits, windowBits);
    lastTableId += 1;
    const table: SharedTable = { id: lastTableId, bytes, exponentBits, windowBits, constantTime };
    return { kind: 'fixed-base', base, exponentBits, table };
  }

  /** Tables of the key's owner. */
  ownerTables(rings: OpenRings): SharedTable {
    const exponentBits = this.keys.publicKey.bitLength / 2;
    const windowBits = longestWindow(rings, this.keys.publicKey.bitLength, 10);
    const ring = rings.factored(this.p, this.q);
    const base = bigIntToBytes(modPower(ownerGenerator(this.p, this.q), this.n, this.n ** 2n), this.elementBytes);
    const bytes = new Uint8Array(ring.ownerTableBytes(exponentBits, windowBits));
    ring.buildOwnerTables(bytes, base, exponentBits, windowBits);
    lastTableId += 1;
    return { id: lastTableId, bytes, exponentBits, windowBits, constantTime: false };
  }
}

/** The operations of the table for one key. */
export function paillierOperations(keys: KeyPair, p: bigint, q: bigint): BenchOperation[] {
  const setting = new Setting(keys, p, q);
  return [...encryptions(setting), ...arithmetic(setting), ...packedSums(setting)];
}

function encryptions(setting: Setting): BenchOperation[] {
  const { keys, p, q, rootBytes } = setting;
  const m = randomBelow(2n ** 64n);
  const residues = fromBigInts(
    Array.from({ length: BATCH }, () => randomBelow(setting.n)),
    rootBytes,
  );
  const [ciphertext = 1n] = setting.numbers;
  const compared = {
    reference: { items: 1, run: () => void keys.publicKey.encrypt(m) },
    python: { operations: ['encrypt'], items: 1 },
  } as const;
  const pooled = pooledWork(keys, m);
  const encrypt = (rings: OpenRings, masking: Masking): Work =>
    setting.work(rings, { kind: 'encrypt', masking }, [residues], BATCH);
  return [
    { name: 'encrypt, DJN |n|/2', prepare: (rings) => encrypt(rings, setting.masking(rings, false)), ...compared },
    {
      name: 'the same, constant-time look-ups',
      prepare: (rings) => encrypt(rings, setting.masking(rings, true)),
      ...compared,
    },
    { name: 'encrypt, standard r^n', prepare: (rings) => encrypt(rings, { kind: 'standard' }), ...compared },
    {
      name: 'encrypt by the owner',
      prepare: (rings) =>
        setting.work(rings, { kind: 'encryptAsOwner', tables: setting.ownerTables(rings) }, [residues], BATCH, {
          key: { p, q },
        }),
      ...compared,
    },
    { name: 'encrypt online, 64-bit value, pooled', prepare: () => pooled, ...compared },
    {
      name: 'decrypt',
      prepare: (rings) =>
        setting.work(rings, { kind: 'decrypt' }, [setting.first(BATCH)], BATCH, {
          outBytes: BATCH * rootBytes,
          key: { p, q },
        }),
      reference: { items: 1, run: () => void keys.privateKey.decrypt(ciphertext) },
      python: { operations: ['decrypt'], items: 1 },
    },
    {
      name: 'decrypt one alone',
      prepare: (rings) =>
        setting.work(rings, { kind: 'decrypt' }, [setting.first(1)], 1, { outBytes: rootBytes, key: { p, q } }),
      reference: { items: 1, run: () => void keys.privateKey.decrypt(ciphertext) },
      python: { operations: ['decrypt'], items: 1 },
    },
  ];
}

function arithmetic(setting: Setting): BenchOperation[] {
  const { keys, elementBytes, numbers } = setting;
  const [left = 1n, right = 1n] = numbers;
  const scale = (bits: 64 | 1024): BenchOperation => {
    const exponents = setting.exponents(BATCH, bits);
    const [factor = 1n] = toBigInts(exponents, bits / 8);
    return {
      name: `scale by a ${bits}-bit integer`,
      prepare: (rings) =>
        setting.work(rings, { kind: 'power' }, [setting.first(BATCH), exponents, new Uint8Array(BATCH)], BATCH),
      reference: { items: 1, run: () => void keys.publicKey.multiply(left, factor) },
      python: { operations: [`scale${bits}`], items: 1 },
    };
  };
  const scalars = setting.exponents(DOT_TERMS, 64);
  const [scalar = 1n] = toBigInts(scalars.subarray(0, 8), 8);
  const add = { items: 1, run: () => void keys.publicKey.addition(left, right) };
  return [
    {
      name: 'add',
      prepare: (rings) =>
        setting.work(
          rings,
          { kind: 'multiply' },
          [setting.first(BATCH), setting.first(2 * BATCH).subarray(BATCH * elementBytes)],
          BATCH,
        ),
      reference: add,
      python: { operations: ['add'], items: 1 },
    },
    {
      name: `sum of ${SUM_TERMS}, per addend`,
      prepare: (rings) =>
        setting.work(rings, { kind: 'product' }, [setting.first(SUM_TERMS)], SUM_TERMS, { outBytes: elementBytes }),
      reference: add,
      python: { operations: ['add'], items: 1 },
    },
    scale(64),
    scale(1024),
    {
      name: `dot product of ${DOT_TERMS}, 64-bit, per term`,
      prepare: (rings) =>
        setting.work(
          rings,
          { kind: 'multiExponentiate' },
          [setting.ciphertexts, scalars, new Uint8Array(DOT_TERMS)],
          DOT_TERMS,
          { outBytes: elementBytes },
        ),
      reference: {
        items: 1,
        run: () => void keys.publicKey.addition(left, keys.publicKey.multiply(right, scalar)),
      },
      python: { operations: ['scale64', 'add'], items: 1 },
    },
  ];
}

/** Sums of 8 parties' packed 64-bit values, per value; the others pack in the same way. */
function packedSums(setting: Setting): BenchOperation[] {
  const { keys, p, q, n, rootBytes, elementBytes, numbers } = setting;
  const plan = planPacking({ keyBits: keys.publicKey.bitLength, magnitude: 2n ** 64n - 1n, summands: PARTIES });
  const slots = plan.slotsPerCiphertext;
  const values = Array.from({ length: slots }, () => randomBelow(2n ** 64n));
  const [left = 1n, right = 1n] = numbers;
  const pack = (): Uint8Array =>
    fromBigInts(
      Array.from({ length: BATCH }, () => packValues(plan, values)),
      rootBytes,
    );
  const sum = packValues(plan, values);
  const packed = (name: string, operation: PythonOperation, run: () => void, prepare: BenchOperation['prepare']) => ({
    name: `packed sum, per 64-bit value: ${name}`,
    prepare,
    reference: { items: slots, run },
    python: { operations: [operation], items: slots },
  });
  return [
    packed(
      'encrypt',
      'encrypt',
      () => void keys.publicKey.encrypt(packValues(plan, values)),
      (rings) => {
        const masking = setting.masking(rings, false);
        const out = new Uint8Array(BATCH * elementBytes);
        const run = (): void =>
          runTask(rings, { key: { n }, operation: { kind: 'encrypt', masking }, inputs: [pack()], count: BATCH, out });
        return { items: BATCH * slots, run };
      },
    ),
    packed(
      'add',
      'add',
      () => void keys.publicKey.addition(left, right),
      (rings) =>
        setting.work(rings, { kind: 'product' }, [setting.first(PARTIES * BATCH)], PARTIES * BATCH, {
          outBytes: elementBytes,
          items: PARTIES * BATCH * slots,
        }),
    ),
    packed(
      'decrypt',
      'decrypt',
      () => void keys.privateKey.decrypt(left),
      (rings) => {
        const out = new Uint8Array(BATCH * rootBytes);
        const task = {
          key: { p, q },
          operation: { kind: 'decrypt' },
          inputs: [setting.first(BATCH)],
          count: BATCH,
          out,
        } as const;
        const run = (): void => {
          runTask(rings, task);
          // The ciphertexts are random numbers, so their plaintexts are replaced by a sum that can be taken apart.
          for (const _ of toBigInts(out, rootBytes)) unpackValues(plan, sum, slots, 1n);
        };
        return { items: BATCH * slots, run };
      },
    ),
  ];
}

/** Encrypts with masks that wait as numbers, as a daemon does that has been idle; only the encryption is timed. */
function pooledWork(keys: KeyPair, m: bigint): Work {
  let pool: ObfuscatorPool | undefined;
  let last: bigint | undefined;
  return {
    items: READY,
    run() {
      // A result that nobody could see would not be computed.
      for (let i = 0; i < READY; i += 1) last = pool?.encrypt(m);
      if (last === undefined) throw new Error('bench: the pool of masks ran dry');
    },
    async before() {
      pool ??= keepObfuscators(keys.publicKey, { capacity: 128 });
      await pool.fill();
      await setImmediate();
    },
  };
}

/** As the library chooses: `longest` natively, unless the table would exceed half the budget. */
function longestWindow(rings: OpenRings, keyBits: number, longest: number): number {
  const { name } = rings.engine;
  if (name === 'bigint') return 8;
  if (keyBits > 2048) return 9;
  return name.startsWith('native') ? longest : 10;
}
