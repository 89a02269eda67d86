import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { PrivateKey } from 'paillier-bigint';
import { bytesToBigInt, elementAt } from '../../../crypto/modular/bytes.ts';
import { mod } from '../../../crypto/modular/number-theory.ts';
import { CiphertextVector, decryptVector, privateKeyFromPrimes, unpackValues } from '../../../crypto/paillier/index.ts';
import { openMasked } from '../../../executors/regression/additive/messages.ts';
import { additivePlan, blockCiphertexts } from '../../../executors/regression/additive/precision.ts';
import { decodeMessage } from '../../../executors/regression/messages.ts';
import { MaskedOutput, VectorsOutput } from '../../../executors/regression/outputs.ts';
import type { RunParameters } from '../../../executors/regression/parameters.ts';
import { at, distance } from '../../support/regression.ts';
import { openRegressionStage, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
import { reached, SEED_REQUEST, trainingOf } from '../../support/regression-seed.ts';
import { chiSquare, column, COLUMNS, gradientSumsOf, startReflected } from '../../support/regression-views.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 240_000 });

const ITERATIONS = 4;
const REQUEST = {
  ...SEED_REQUEST,
  mode: 'additive',
  keyBits: 1024,
  intercept: 'none',
  alpha: 0.001,
  iterations: ITERATIONS,
  blockIterations: 2,
};

/** What was sent in a run, as those who may read it read it. */
interface Sent {
  readonly parameters: RunParameters;
  /** Bytes of everybody's masked predictions. */
  readonly forwards: readonly Uint8Array[];
  /** What the first feature party decrypts: of each holder a number modulo n, of their sum one for each slot. */
  readonly products: readonly bigint[];
  readonly sums: readonly bigint[];
}

const Keys = z.looseObject({ state: z.looseObject({ own: z.looseObject({ p: z.string(), q: z.string() }) }) });

/** Trains, and reads what travelled with the key that the first feature party has until the run ends. */
async function trainAndRead(stage: RegressionStage, run: string): Promise<Sent> {
  await stage.submit({ ...REQUEST, run });
  await reached(stage, run, 'rows-x1', 'success');
  const { p, q } = Keys.parse(JSON.parse(await stage.fileOf('x1', run, 'keys.json'))).state.own;
  const privateKey = await privateKeyFromPrimes(BigInt(`0x${p}`), BigInt(`0x${q}`), { minimumBits: 512 });
  await stage.finished(run);
  const { parameters } = await trainingOf(stage, run);
  const done = await stage.processes(run, 'success');
  const said = (name: string): string[] =>
    done.filter(({ spec }) => spec.functionName === name).map((process) => saidBy(process));
  const forwards = await Promise.all(said('regression_mask').map((text) => maskedBytes(text)));
  // Products of y are for x1 and x2, those of x2 for x1 alone; x1 makes none for itself.
  const products = done.filter(
    ({ spec }) => spec.functionName === 'regression_multiply' && spec.conditions.executorType !== 'x1',
  );
  const own = await Promise.all(
    products.map(async (process) => {
      const plaintexts = await plaintextsOf(privateKey, saidBy(process));
      return plaintexts.map((plaintext) => mod(plaintext, privateKey.n));
    }),
  );
  const sums = await Promise.all(
    said('regression_sum_products').map(async (text) => slotsOf(parameters, await plaintextsOf(privateKey, text))),
  );
  return { parameters, forwards, products: own.flat(), sums: sums.flat() };
}

async function maskedBytes(text: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of openMasked(decodeMessage(MaskedOutput, text).forward, undefined).chunks) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What the first vector holds, which is that for the first feature party. */
function plaintextsOf(key: PrivateKey, text: string): Promise<bigint[]> {
  const [first = ''] = decodeMessage(VectorsOutput, text).vectors;
  return decryptVector(key, CiphertextVector.parse(first));
}

function slotsOf(parameters: RunParameters, plaintexts: readonly bigint[]): bigint[] {
  const { packing } = additivePlan(parameters);
  return plaintexts.flatMap((plaintext, block) => {
    const slots = Math.min(packing.slotsPerCiphertext, COLUMNS - block * packing.slotsPerCiphertext);
    return unpackValues(packing, plaintext, slots, 2n);
  });
}

/** Whole bytes of the lowest bits of numbers. */
function lowBytes(numbers: readonly bigint[], bits: number): Buffer {
  const width = Math.floor(bits / 8);
  return Buffer.concat(
    numbers.map((number) =>
      Buffer.from(
        BigInt.asUintN(8 * width, number)
          .toString(16)
          .padStart(2 * width, '0'),
        'hex',
      ),
    ),
  );
}

test('where residuals stay shared all that travels looks uniform, is new in every run, and tells gradients only', async () => {
  await using stage = await openRegressionStage();
  const start = (direction: readonly number[]) =>
    Promise.all([
      startReflected(stage, 'x1', 100, direction),
      startReflected(stage, 'x2', 200, direction),
      startReflected(stage, 'y', 300, direction),
    ]);
  await stage.startAggregator();
  const workers = await start(column(7));
  const first = await trainAndRead(stage, 'first');
  const again = await trainAndRead(stage, 'again');
  await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
  await start(column(8));
  const turned = await trainAndRead(stage, 'turned');

  const { shareBits, shareBytes } = additivePlan(first.parameters);
  const runs = [first, again, turned];
  // The first byte of a number is not full. A uniform source stays below 400 but for once in some 10^8 runs.
  const forwards = runs.map((sent) => sent.forwards.flatMap((bytes) => numbersOf(bytes, shareBytes)));
  for (const numbers of forwards) expect(chiSquare(lowBytes(numbers, shareBits))).toBeLessThan(400);
  const products = runs.flatMap((sent) => sent.products);
  expect(products).toHaveLength(3 * 2 * ITERATIONS * blockCiphertexts(first.parameters, 'x1'));
  expect(chiSquare(lowBytes(products, first.parameters.keyBits - 8))).toBeLessThan(400);
  const sums = runs.flatMap((sent) => sent.sums);
  expect(chiSquare(lowBytes(sums, shareBits))).toBeLessThan(400);
  // What stands above the gradient is random and new: neither it nor anything else comes twice.
  for (const numbers of [forwards.flat(), products, sums, sums.map((slot) => slot >> BigInt(shareBits))]) {
    expect(new Set(numbers).size).toBe(numbers.length);
  }
  for (const party of ['x1', 'x2']) {
    const learned = await Promise.all(['first', 'again', 'turned'].map((run) => gradientSumsOf(stage, party, run)));
    expect(at(learned, 0)).toHaveLength(COLUMNS * ITERATIONS);
    for (const found of learned.slice(1)) expect(distance(found, at(learned, 0))).toBeLessThan(1e-4);
  }
});

function numbersOf(bytes: Uint8Array, width: number): bigint[] {
  return Array.from({ length: bytes.length / width }, (_, row) => bytesToBigInt(elementAt(bytes, row, width)));
}
