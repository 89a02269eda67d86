import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { describeEngine } from '../crypto/paillier/index.ts';
import { measureSeedMethod } from './regression/seed-method.ts';
import { openBenchStage } from './regression/stage.ts';
import { formatTable, short } from './support/measure.ts';

/**
 * How long does an iteration of a regression between three parties take, and how much is sent for each row? Everything is
 * real: the embedded server and four daemons are processes of their own on this machine, two feature parties with one
 * column each, vectors travel as blobs.
 *
 * Beside it stands the method of the seed: every row encrypted on its own with paillier-bigint by both parties and decrypted
 * by the third, extrapolated from a sample in the same run.
 *
 * `npx tsx bench/regression.ts [--rows 10000]… [--mode single-key]… [--bits 2048] [--iterations 3]`
 */

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== 'regression'),
  options: {
    rows: { type: 'string', multiple: true, default: ['10000', '100000'] },
    mode: { type: 'string', multiple: true, default: ['single-key', 'additive'] },
    bits: { type: 'string', default: '2048' },
    iterations: { type: 'string', default: '3' },
  },
});

const keyBits = Number(options.bits);
const iterations = Number(options.iterations);

const { name: engine, threads } = describeEngine();
console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; engine ${engine}, ${threads} threads`,
);
console.log(`three parties (labels, and two with one column each), ${keyBits} bits, ${iterations} iterations`);

const seed = await measureSeedMethod(keyBits);
const lines: string[][] = [];
for (const mode of options.mode) {
  for (const text of options.rows) {
    const rows = Number(text);
    await using stage = await openBenchStage(rows);
    const run = await stage.train({ mode, keyBits, iterations });
    const seedSeconds = (seed.microsPerRow * rows) / 1e6;
    lines.push([
      mode,
      String(rows),
      short(run.setUpSeconds),
      short(run.secondsPerIteration),
      short((run.secondsPerIteration * 1e6) / rows),
      short(run.bytesPerIteration / rows),
      short(run.residentMebibytes),
      short(seedSeconds),
      short(seedSeconds / run.secondsPerIteration),
    ]);
  }
}
const titles = [
  'mode',
  'rows',
  'set-up s',
  's / iteration',
  'µs / row',
  'bytes / row',
  'largest daemon MiB',
  "seed's method s",
  'times faster',
];
console.log(formatTable([titles, ...lines]));
