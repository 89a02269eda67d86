import { expect, test } from 'vitest';
import { CHUNK_ROWS, CHUNKS_AT_A_TIME } from '../../../executors/regression/batches.ts';
import { joinMessage, parseInline } from '../../../executors/regression/messages.ts';
import type { CiphertextMessage } from '../../../executors/regression/messages.ts';
import { aggregateRound } from '../../../executors/regression/rounds/aggregate.ts';
import { forwardRound } from '../../../executors/regression/rounds/forward.ts';
import { gradientRound } from '../../../executors/regression/rounds/gradient.ts';
import { labelsRound, openRound } from '../../../executors/regression/rounds/label.ts';
import { stepRound } from '../../../executors/regression/rounds/step.ts';
import { testKeyPair } from '../../support/keys.ts';
import { at, distance, iterate, startRun, thetaOf } from '../../support/regression.ts';

const keys = await testKeyPair(512);
const ITERATIONS = 1000;

function wave(rows: number, seed: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => Math.sin(seed * 10 + row * seed));
}

/** θ after so many plain steps of one column. */
function descend(column: Float64Array, labels: Float64Array, alpha: number, iterations: number): number {
  let theta = 0;
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const gradient = column.reduce((sum, x, row) => sum + x * (x * theta - (labels[row] ?? 0)), 0);
    theta -= (alpha * gradient) / column.length;
  }
  return theta;
}

test(
  'a thousand iterations change neither scales nor lengths, and end where plain descent does',
  { timeout: 60_000 },
  async () => {
    const [column, labels] = [wave(6, 1.3), wave(6, 2.9)];
    const parties = await startRun({
      parameters: { model: 'linear', scaling: 'none', alpha: 0.002, iterations: ITERATIONS },
      keys,
      blocks: [[column]],
      labels,
    });
    const lengths = new Map<string, Set<number>>();
    const scales = new Map<string, Set<number>>();
    for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
      await iterate(parties, iteration);
      for (const { round, text } of parties.seen.splice(0)) {
        const data = /"(?:data|residues)":"([^"]*)"/.exec(text)?.[1];
        lengths.set(round, (lengths.get(round) ?? new Set()).add(data?.length ?? 0));
        if (!text.includes('"ctvec"')) continue;
        scales.set(round, (scales.get(round) ?? new Set()).add(parseInline(text).header.scale));
      }
    }
    expect([...lengths.values()].every((sizes) => sizes.size === 1)).toBe(true);
    expect(Object.fromEntries([...scales].map(([round, set]) => [round, [...set]]))).toEqual({
      labels: [40],
      forward: [40],
      aggregate: [40],
      gradient: [80],
    });
    expect(distance(thetaOf(parties), [descend(column, labels, 0.002, ITERATIONS)])).toBeLessThan(1e-9);
  },
);

test('vectors of several chunks are streamed: no party is more than two chunks ahead of its reader', async () => {
  // More than two passes of the gradient, which reads its chunks into two buffers in turn.
  const whole = 2 * CHUNKS_AT_A_TIME + 1;
  const rows = whole * CHUNK_ROWS + 5;
  const [first, second, labels] = [wave(rows, 1.1), wave(rows, 2.3), wave(rows, 3.7)];
  const run = await startRun({
    parameters: { model: 'linear', scaling: 'none', alpha: 0.1, iterations: 1 },
    keys,
    blocks: [[first], [second]],
    labels,
  });
  let produced = 0;
  const counted = (message: CiphertextMessage): CiphertextMessage =>
    joinMessage(
      JSON.parse(JSON.stringify(message.header)),
      countChunks(message.chunks, () => (produced += 1)),
    );
  const turn = { iteration: 0, attempt: 0 };
  const forwards = run.features.map((party, index) => counted(forwardRound(party, at(run.states, index), turn)));
  const sum = aggregateRound(run.label, turn, counted(labelsRound(run.label, 0)), forwards);
  const chunks: Uint8Array[] = [];
  for await (const chunk of sum.chunks) {
    chunks.push(chunk);
    // Three inputs, each one chunk read and one more that the cutting into chunks looked for.
    expect(produced).toBeLessThanOrEqual(3 * (chunks.length + 1));
  }
  expect(chunks.map((chunk) => chunk.length / 128)).toEqual([...Array.from({ length: whole }, () => CHUNK_ROWS), 5]);

  // Blobs come in pieces of any size.
  const pieces = function* (): Generator<Uint8Array> {
    const bytes = Buffer.concat(chunks);
    for (let start = 0; start < bytes.length; start += 65_000) yield bytes.subarray(start, start + 65_000);
  };
  const gradients = await Promise.all(
    run.features.map((party, index) =>
      gradientRound(party, at(run.states, index), turn, { header: sum.header, chunks: pieces() }),
    ),
  );
  const opened = await openRound(
    run.label,
    at(run.labelStates, 0),
    turn,
    gradients.map(({ message }) => message),
  );
  const sums = opened.messages.flatMap((message, index) => {
    const { state } = at(gradients, index);
    return [...stepRound(at(run.features, index), state, turn, message).gradientSums];
  });
  const expected = [first, second].map((column) => column.reduce((total, x, row) => total - x * (labels[row] ?? 0), 0));
  expect(distance(sums, expected)).toBeLessThan(1e-6);
});

async function* countChunks(chunks: CiphertextMessage['chunks'], count: () => unknown): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    count();
    yield chunk;
  }
}

test('a run that diverges says so after five growing gradients, and one that stands still converges', async () => {
  const [column, labels] = [wave(40, 1.3), wave(40, 2.9)];
  const start = (alpha: number) =>
    startRun({
      parameters: { model: 'linear', scaling: 'none', alpha, iterations: 50, toleranceBits: 10, residualBoundBits: 20 },
      keys,
      blocks: [[column]],
      labels,
    });
  const fast = await start(10);
  for (let iteration = 0; iteration < 6; iteration += 1) {
    expect(fast.states[0]?.progress?.diverged ?? false).toBe(false);
    await iterate(fast, iteration);
  }
  expect(fast.states[0]?.progress).toMatchObject({ diverged: true, converged: false });
  const slow = await start(1);
  let iteration = 0;
  while (slow.states[0]?.progress?.converged !== true && iteration < 50) {
    await iterate(slow, iteration);
    iteration += 1;
  }
  expect(slow.states[0]?.progress).toMatchObject({ diverged: false, converged: true });
  expect(iteration).toBeLessThan(50);
});
