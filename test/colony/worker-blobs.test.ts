import * as z from 'zod';
import { expect, test } from 'vitest';
import { BlobReference } from '../../colony/blobs.ts';
import { defineExecutor, defineFunction, rootFunction } from '../../colony/executor.ts';
import { CiphertextVectorText } from '../../colony/values.ts';
import { submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { followWorkflow } from '../../colony/subscription.ts';
import { CiphertextVector } from '../../crypto/paillier/index.ts';
import { until } from '../support/processes.ts';
import { functionSpec } from '../support/test-colony.ts';
import { openStage, TYPE } from './daemons.ts';

const CHUNKS = 4;
const CHUNK_BYTES = 1024 ** 2;

async function* megabytes(fill: number): AsyncGenerator<Buffer> {
  for (let index = 0; index < CHUNKS; index += 1) yield Buffer.alloc(CHUNK_BYTES, fill);
}

/** A daemon that makes, transforms and measures values which it never holds as a whole. */
const streaming = defineExecutor({
  type: TYPE,
  functions: {
    make: rootFunction({
      description: 'Stores a stream.',
      kwargs: z.object({ fill: z.int() }),
      output: BlobReference,
      run: ({ kwargs, blobs }) => blobs.put(megabytes(kwargs.fill)),
    }),
    double: rootFunction({
      description: 'Stores what it makes of a stream.',
      kwargs: z.object({ table: BlobReference }),
      output: BlobReference,
      run: ({ kwargs, blobs }) =>
        blobs.put(
          (async function* () {
            for await (const chunk of blobs.get(kwargs.table)) yield chunk.map((byte) => byte * 2);
          })(),
        ),
    }),
    total: rootFunction({
      description: 'Adds the bytes of a stream.',
      kwargs: z.object({ table: BlobReference }),
      output: z.number(),
      async run({ kwargs, blobs }) {
        let total = 0;
        for await (const chunk of blobs.get(kwargs.table)) total = chunk.reduce((sum, byte) => sum + byte, total);
        return total;
      },
    }),
  },
});

test('functions stream values of any length from and to the storage of the colony', async () => {
  await using stage = await openStage();
  await stage.start(streaming);
  const made = await stage.run('make', { fill: 3 });
  const table: unknown = JSON.parse(String(made.output[0]));
  const doubled = await stage.run('double', { table });
  const total = await stage.run('total', { table: JSON.parse(String(doubled.output[0])) });
  expect(total.output).toEqual([String(CHUNKS * CHUNK_BYTES * 6)]);
});

/** A daemon whose values are whole vectors, of whatever size. */
const whole = defineExecutor({
  type: TYPE,
  functions: {
    make: rootFunction({
      description: 'Makes a vector.',
      kwargs: z.object({ count: z.int() }),
      output: CiphertextVectorText,
      run: async ({ kwargs }) => vectorOf(kwargs.count),
    }),
    measure: defineFunction({
      description: 'Measures vectors.',
      kwargs: z.object({}),
      inputs: z.array(CiphertextVectorText),
      output: z.array(z.number()),
      run: async ({ inputs }) => inputs.map(({ count, data }) => count + data.length),
    }),
  },
});

function vectorOf(count: number): CiphertextVector {
  const header = { keyId: 'ab'.repeat(32), scaleBits: 0, packing: null, summands: 1n, context: '' };
  return new CiphertextVector({ ...header, count, data: new Uint8Array(count * 512).fill(5) });
}

test('large vectors pass from parents to their child as blobs, without a function knowing of it', async () => {
  await using stage = await openStage();
  await stage.start(whole);
  const { colony, client } = stage;
  const node = (nodeName: string, functionName: string, kwargs: Record<string, unknown>, dependencies: string[]) =>
    functionSpec(colony.colonyName, TYPE, { nodeName, functionName, kwargs, conditions: { dependencies } });
  const functionSpecs = [
    node('small', 'make', { count: 2 }, []),
    node('large', 'make', { count: 5000 }, []),
    node('both', 'measure', {}, ['small', 'large']),
  ];
  const { workflowId } = await colony.call(colony.user, submitWorkflowSpec, {
    spec: { colonyName: colony.colonyName, functionSpecs },
  });
  const { processes } = await followWorkflow(client, { workflowId, timeoutMs: 20_000 });
  const outputs = new Map(processes.map(({ spec, output }) => [spec.nodeName, output[0]]));
  expect(outputs.get('both')).toBe(JSON.stringify([2 + 2 * 512, 5000 + 5000 * 512]));
  expect(String(outputs.get('large')).length).toBeLessThan(1000);
});

test('a storage that is away is waited for, as long as the process may run', async () => {
  await using stage = await openStage();
  const { colony, logs } = stage;
  const before = defineExecutor({
    type: TYPE,
    functions: {
      f: rootFunction({
        description: 'Stores something while the server is away.',
        kwargs: z.object({}),
        output: BlobReference,
        async run({ blobs }) {
          const restarted = colony.restart();
          const reference = await blobs.put(Buffer.alloc(300_000, 1));
          await restarted;
          return reference;
        },
      }),
    },
  });
  await stage.start(before);
  const { processId } = await stage.submit('f');
  await until(async () => {
    const found = await colony.getProcess(processId).catch(() => undefined);
    return found?.state === 'success';
  });
  expect(logs.mention('the storage of blobs is away; trying again')).toBe(true);
});

test('a reference to what does not exist fails the process, in the words of the server', async () => {
  await using stage = await openStage();
  await stage.start(streaming);
  const failed = await stage.run('total', { table: { blob: `sha256:${'00'.repeat(32)}`, bytes: 10 } });
  expect([failed.state, failed.errors]).toEqual(['failed', [expect.stringContaining('answered 404: Blob not found')]]);
});
