import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { bigIntEngine } from '../crypto/modular/bigint-engine.ts';
import type { ModularEngine } from '../crypto/modular/engine.ts';
import { availableEngines, openEngine } from '../crypto/modular/select.ts';
import {
  closeCrypto,
  describeEngine,
  encryptVector,
  privateKeyFromPrimes,
  setThreads,
} from '../crypto/paillier/index.ts';
import type { KeyPair } from '../crypto/paillier/index.ts';
import { OpenRings } from '../crypto/paillier/open-rings.ts';
import { testPrimes } from '../test/support/keys.ts';
import { formatTable, median, microsPerItem, short } from './support/measure.ts';
import { paillierOperations } from './support/paillier-operations.ts';
import type { BenchOperation } from './support/paillier-operations.ts';
import { PythonPaillier } from './support/python-paillier.ts';

/**
 * How long does each Paillier operation take, in every engine of this machine, against `paillier-bigint` and, with
 * `--phe`, python-paillier with gmpy2? One thread, batches of 64, randomness and conversions included. Rounds are
 * interleaved: each round measures an operation in all implementations right after one another, so that a neighbour's
 * load hits all alike; the table has the medians of times and of ratios.
 *
 * Then: how much two threads bring, how long the event loop waits meanwhile, and the memory of a long sum.
 *
 * `npx tsx bench/paillier.ts [--quick] [--bits 2048]… [--phe PATH] [--engine NAME]…`
 */

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== 'paillier'),
  options: {
    quick: { type: 'boolean', default: false },
    bits: { type: 'string', multiple: true, default: ['2048', '3072'] },
    engine: { type: 'string', multiple: true },
    phe: { type: 'string' },
  },
});

const ROUNDS = options.quick ? 3 : 7;
const MINIMUM_MS = options.quick ? 15 : 60;
const SUM_COUNT = options.quick ? 100_000 : 1_000_000;
const SUM_PROGRAM = join(import.meta.dirname, 'support/sum-file.mjs');
/** Preferred for the long sum: the loader of the sources takes memory of its own in every thread. */
const COMPILED_LIBRARY = join(import.meta.dirname, '../dist/crypto/paillier/index.js');
const SOURCE_LIBRARY = join(import.meta.dirname, '../crypto/paillier/index.ts');
const SCALING_COUNT = options.quick ? 4000 : 20_000;

type BenchBits = 2048 | 3072;

/** Medians for one operation: an implementation's name with microseconds and the reference's time over its own. */
type Row = ReadonlyMap<string, { readonly micros: number; readonly ratio: number; readonly pythonRatio: number }>;

async function keysOf(keyBits: BenchBits): Promise<KeyPair & { p: bigint; q: bigint }> {
  const [p, q] = testPrimes(keyBits);
  const privateKey = await privateKeyFromPrimes(p, q);
  return { p, q, privateKey, publicKey: privateKey.publicKey };
}

/** The fastest native and the fastest portable engine, and the reference; as they work in the library. */
function chosenEngines(): ModularEngine[] {
  const all = availableEngines();
  const named = options.engine;
  if (named) return all.filter(({ name }) => named.includes(name)).map(({ name }) => openEngine(name));
  const native = all.find(({ name }) => name.startsWith('native'));
  const portable = all.find(({ name }) => name.startsWith('wasm'));
  return [native, portable, bigIntEngine].flatMap((engine) => (engine ? openEngine(engine.name) : []));
}

async function measureOperation(
  operation: BenchOperation,
  engines: readonly ModularEngine[],
  python: PythonPaillier | undefined,
): Promise<Row> {
  const works = engines.map((engine) => ({
    name: engine.name as string,
    work: operation.prepare(new OpenRings(engine)),
  }));
  works.push({ name: 'paillier-bigint', work: operation.reference });
  const samples = new Map<string, { micros: number; ratio: number; pythonRatio: number }[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const times = new Map<string, number>();
    for (const { name, work } of works) times.set(name, await microsPerItem(work, MINIMUM_MS));
    if (python && operation.python) {
      const parts = await Promise.all(operation.python.operations.map((name) => python.micros(name, MINIMUM_MS)));
      times.set('python-paillier', parts.reduce((total, part) => total + part, 0) / operation.python.items);
    }
    const reference = times.get('paillier-bigint') ?? Number.NaN;
    const pythonMicros = times.get('python-paillier') ?? Number.NaN;
    for (const [name, micros] of times) {
      const list = samples.get(name) ?? [];
      list.push({ micros, ratio: reference / micros, pythonRatio: pythonMicros / micros });
      samples.set(name, list);
    }
  }
  return new Map(
    [...samples].map(([name, list]) => [
      name,
      {
        micros: median(list.map(({ micros }) => micros)),
        ratio: median(list.map(({ ratio }) => ratio)),
        pythonRatio: median(list.map(({ pythonRatio }) => pythonRatio)),
      },
    ]),
  );
}

async function printTable(keyBits: BenchBits): Promise<void> {
  const keys = await keysOf(keyBits);
  const engines = chosenEngines();
  const python = options.phe === undefined ? undefined : await PythonPaillier.start(options.phe, keys.p, keys.q);
  const names = [
    ...engines.map(({ name }) => name as string),
    'paillier-bigint',
    ...(python ? ['python-paillier'] : []),
  ];
  const rows = [['operation', ...names]];
  for (const operation of paillierOperations(keys, keys.p, keys.q)) {
    const row = await measureOperation(operation, engines, python);
    rows.push([operation.name, ...names.map((name) => cell(row, name, python !== undefined))]);
  }
  await python?.stop();
  await closeCrypto();
  console.log(`\n${keyBits} bits: µs (× paillier-bigint${python ? ' | × python-paillier' : ''})\n`);
  console.log(formatTable(rows));
}

function cell(row: Row, name: string, withPython: boolean): string {
  const entry = row.get(name);
  if (!entry) return '–';
  const ratios = withPython ? `${short(entry.ratio)} | ${short(entry.pythonRatio)}` : short(entry.ratio);
  return `${short(entry.micros)} (${ratios})`;
}

/** Values per second through the public interface with one and two threads, and the event loop's longest wait. */
async function printScaling(): Promise<void> {
  const { publicKey } = await keysOf(2048);
  const values = Array.from({ length: SCALING_COUNT }, (_, index) => BigInt(index));
  const rates: number[] = [];
  console.log(`\nencrypting ${SCALING_COUNT} values at 2048 bits with ${describeEngine().name}`);
  for (const threads of [1, 2]) {
    await closeCrypto();
    setThreads(threads);
    // Long enough for threads, tables and compiled code to be there.
    await encryptVector(publicKey, values.slice(0, 9000), { scaleBits: 0 });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const [startedAt, cpuBefore] = [performance.now(), process.cpuUsage()];
    await encryptVector(publicKey, values, { scaleBits: 0 });
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    delay.disable();
    rates.push(SCALING_COUNT / seconds);
    console.log(
      `  threads: ${threads}; ${short(SCALING_COUNT / seconds)} per second; ${short((user + system) / SCALING_COUNT)} µs of ` +
        `processor time each, of ${short((user + system) / 1e6 / seconds)} processors; ` +
        `the event loop waited ${short(delay.max / 1e6)} ms at most`,
    );
  }
  const [one = Number.NaN, two = Number.NaN] = rates;
  console.log(
    `  two threads are ${short(two / one)} times as fast; with less than two free processors this says little`,
  );
  await closeCrypto();
}

/** Sums ciphertexts from a file in a process of its own, which prints its resident memory. */
async function printLongSum(): Promise<void> {
  const { publicKey } = await keysOf(2048);
  const directory = await mkdtemp(join(tmpdir(), 'sealed-colonies-bench-'));
  const path = join(directory, 'ciphertexts');
  try {
    await writeCiphertexts(publicKey, path);
    const execArgv = existsSync(COMPILED_LIBRARY) ? [] : process.execArgv;
    const library = existsSync(COMPILED_LIBRARY) ? COMPILED_LIBRARY : SOURCE_LIBRARY;
    const child = fork(SUM_PROGRAM, [library, `${publicKey.n}`, path], { stdio: 'inherit', execArgv });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`bench: the process that sums ended with code ${code}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function writeCiphertexts(publicKey: KeyPair['publicKey'], path: string): Promise<void> {
  const piece = await encryptVector(
    publicKey,
    Array.from({ length: 1000 }, () => 1n),
    { scaleBits: 0 },
  );
  const file = await open(path, 'w');
  for (let written = 0; written < SUM_COUNT; written += piece.count) await file.write(piece.data);
  await file.close();
}

const [cpu] = cpus();
console.log(`${cpu?.model ?? 'unknown processor'}, ${availableParallelism()} threads, Node ${process.version}`);
console.log(`selected engine: ${describeEngine().name}; medians of ${ROUNDS} interleaved rounds`);
for (const bits of options.bits) await printTable(bits === '3072' ? 3072 : 2048);
await printScaling();
await printLongSum();
