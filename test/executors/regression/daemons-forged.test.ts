import { expect, test, vi } from 'vitest';
import { pino } from 'pino';
import * as z from 'zod';
import { defineExecutor, defineFunction } from '../../../colony/executor.ts';
import { generateIdentity } from '../../../colony/identity.ts';
import { startWorker } from '../../../colony/worker.ts';
import { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { signText } from '../../../executors/regression/agreement.ts';
import { contextOf } from '../../../executors/regression/contexts.ts';
import { decodeMessage, encodeMessage } from '../../../executors/regression/messages.ts';
import { GradientOutput, ResumeOutput } from '../../../executors/regression/outputs.ts';
import { graphOf } from '../../../executors/regression/training.ts';
import { node, specsOf } from '../../../workflows/vertical-regression/nodes.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { reached, SEED_REQUEST, startSeed, trainingOf } from '../../support/regression-seed.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

/** A member's own executor, which says whatever its caller wants. */
const speaker = defineExecutor({
  type: 'speaker',
  functions: {
    say: defineFunction({
      description: 'Says what it is told',
      kwargs: z.object({ text: z.string() }),
      inputs: z.array(z.string()),
      output: z.string(),
      run: async ({ kwargs }) => kwargs.text,
    }),
  },
});

/** A gradient of x1 that is no gradient but the first encrypted label, for an iteration that has not come yet. */
async function forgedGradient(stage: RegressionStage, run: string): Promise<string> {
  const { parameters } = await trainingOf(stage, run);
  const resumed = (await stage.processes(run, 'success')).find(({ spec }) => spec.nodeName === 'resume-y');
  const { labels } = decodeMessage(ResumeOutput, String(resumed?.output[0]));
  const all = CiphertextVector.parse(labels[0] ?? '');
  const place = { round: 'gradient', iteration: 3, attempt: 0, party: 'x1' } as const;
  const one = new CiphertextVector({
    keyId: all.keyId,
    scaleBits: 2 * parameters.scaleBits,
    count: 1,
    packing: null,
    summands: 1n,
    context: contextOf(parameters, place),
    data: all.data.slice(0, all.elementBytes),
  });
  return encodeMessage(GradientOutput, {
    v: 1,
    kind: 'gradient',
    progress: null,
    loss: null,
    lossPartial: null,
    gradient: one.toJson(),
  });
}

/** Asks y to open what the speaker says in the place of x1 and x2. */
async function askToOpen(stage: RegressionStage, run: string, name: string, text: string): Promise<string> {
  const { colonyName } = stage.colony;
  const graph = graphOf(await trainingOf(stage, run));
  const other = text.replaceAll('/gradient/x1', '/gradient/x2');
  const says = [text, other].map((said, index) => node(`${name}-${index}`, 'say', 'speaker', [], { text: said }));
  const names = says.map((said) => said.name);
  const turn = { training: graph.training, iteration: 3, attempt: 0 };
  const functionSpecs = specsOf(graph, [...says, node(name, 'regression_open', 'y', names, turn)]);
  await stage.client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
  return failureOf(stage, run, name);
}

async function failureOf(stage: RegressionStage, run: string, name: string): Promise<string> {
  await reached(stage, run, name, 'failed');
  const failed = (await stage.processes(run, 'failed')).find(({ spec }) => spec.nodeName === name);
  return failed?.errors.join() ?? '';
}

test('nobody but a feature party gets anything opened under the name of its gradient', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'forged' });
  await reached(stage, 'forged', 'open-y-0', 'success');
  await x2.stop({ graceMs: 0 });
  const { address: server, colonyName, colonyOwner: colonyIdentity } = stage.colony;
  const log = pino({ level: 'silent' });
  const member = await startWorker(speaker, { type: 'speaker', server, colonyName, colonyIdentity, log });
  try {
    await member.ready;
    const text = await forgedGradient(stage, 'forged');
    expect(await askToOpen(stage, 'forged', 'unsigned', text)).toMatch(/message: kind/);
    const signed = signText(text, generateIdentity());
    expect(await askToOpen(stage, 'forged', 'signed', signed)).toMatch(/output of x1: expected the signature of/);
  } finally {
    await member.stop({ graceMs: 0 });
  }
});

test('nobody gets predictions by asking under numbers of requests that are not the iteration where a party is', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'asked', holdoutEvery: 10 });
  await reached(stage, 'asked', 'open-y-0', 'success');
  await x2.stop({ graceMs: 0 });
  const graph = graphOf(await trainingOf(stage, 'asked'));
  const functionSpecs = specsOf(graph, [
    node('ask', 'regression_predict', 'x1', [], { training: graph.training, iteration: 40 }),
  ]);
  await stage.client.submitWorkflowSpec({ spec: { colonyName: stage.colony.colonyName, functionSpecs } });
  expect(await failureOf(stage, 'asked', 'ask')).toMatch(/iteration: expected \d, which this party is at, got 40/);
});
