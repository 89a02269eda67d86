import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import { statementBy } from '../../../executors/regression/daemons/statements.ts';
import { decodeMessage, encodeMessage } from '../../../executors/regression/messages.ts';
import { AggregateOutput, LabelsOutput, ResumeOutput } from '../../../executors/regression/outputs.ts';
import { trainingDigest } from '../../../executors/regression/training.ts';
import { openRegressionStage, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
import {
  cancelRun,
  reached,
  reported,
  resumeRun,
  seedDistance,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
  trainingOf,
} from '../../support/regression-seed.ts';
import { listen } from '../../support/daemon-log.ts';
import { failureOf, identityOf, startSpeaker } from '../../support/regression-speaker.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

async function saidIn(stage: RegressionStage, run: string, name: string): Promise<string> {
  const process = (await stage.processes(run, 'success')).find(({ spec }) => spec.nodeName === name);
  if (process === undefined) throw new Error(`expected ${name} to have succeeded`);
  return saidBy(process);
}

test('who puts other encrypted labels into residuals than those of the set-up is found out, though it signs what it does', async () => {
  await using stage = await openRegressionStage();
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run: 'swapped' });
  await reached(stage, 'swapped', 'open-y-0', 'success');
  await x2.stop({ graceMs: 0 });
  await reached(stage, 'swapped', 'forward-x1-1', 'success');
  await using speaker = await startSpeaker(stage);
  const digest = trainingDigest(await trainingOf(stage, 'swapped'));
  const agreed = decodeMessage(LabelsOutput, await saidIn(stage, 'swapped', 'labels'));
  expect(decodeMessage(ResumeOutput, await saidIn(stage, 'swapped', 'resume-y')).labels).toEqual(agreed.labels);
  const before = decodeMessage(AggregateOutput, await saidIn(stage, 'swapped', 'aggregate-0'));
  const aggregator = { name: 'regression-aggregator', identity: await identityOf(stage, 'regression-aggregator') };
  const gradient = { functionName: 'regression_gradient', party: 'x1', iteration: 1 };
  for (const labels of ['0'.repeat(64), null]) {
    const other = encodeMessage(AggregateOutput, { ...before, labels });
    const said = statementBy(aggregator, digest, { about: 'aggregate', iteration: 1 }, other);
    const failure = await failureOf(speaker, 'swapped', { name: `of-${labels}`, ...gradient, inputs: [said] });
    expect(failure).toMatch(/labels: expected the encrypted labels that the label party has signed, got others/);
  }
  const label = { name: 'y', identity: await identityOf(stage, 'y') };
  const resumed = decodeMessage(ResumeOutput, await saidIn(stage, 'swapped', 'resume-y'));
  const others = encodeMessage(ResumeOutput, {
    ...resumed,
    labels: [agreed.labels[0]?.replace('"data":"', '"data":"A') ?? ''],
  });
  const said = statementBy(label, digest, { about: 'resumed', iteration: 1 }, others);
  const forward = { functionName: 'regression_forward', party: 'x1', iteration: 1, attempt: 1 };
  expect(await failureOf(speaker, 'swapped', { name: 'again', ...forward, inputs: [said] })).toMatch(
    /labels: expected the encrypted labels that the label party has signed, got others/,
  );
});

const Stored = z.looseObject({ state: z.looseObject({ labels: z.array(z.string()), labelsVersion: z.number() }) });

/** Makes the label party remember labels in a blob that the storage does not have. */
async function loseLabels(stage: RegressionStage, run: string): Promise<void> {
  const path = join(stage.directory, 'y', run, 'state.json');
  const stored = Stored.parse(JSON.parse(await readFile(path, 'utf8')));
  const labels = stored.state.labels.map((text) => {
    const bytes = Buffer.from(JSON.parse(text).data, 'base64url').length;
    return JSON.stringify({ ...JSON.parse(text), data: { blob: `sha256:${'0'.repeat(64)}`, bytes } });
  });
  await writeFile(path, JSON.stringify({ ...stored, state: { ...stored.state, labels } }));
}

test('labels that the storage has forgotten are encrypted and signed again, and the old ones are refused from then on', async () => {
  await using stage = await openRegressionStage();
  const { log, text } = listen();
  await Promise.all([startSeedParty(stage, 'x1', { log }), startSeedParty(stage, 'x2'), stage.startAggregator()]);
  const y = await startSeedParty(stage, 'y');
  await stage.submit({ ...SEED_REQUEST, run: 'forgotten', iterations: 6 });
  await reached(stage, 'forgotten', 'open-y-1', 'success');
  await cancelRun(stage, 'forgotten');
  const old = decodeMessage(ResumeOutput, await saidIn(stage, 'forgotten', 'resume-y'));
  await y.stop({ graceMs: 0 });
  await loseLabels(stage, 'forgotten');
  await startSeedParty(stage, 'y');
  await resumeRun(stage, 'forgotten', 1);
  await reached(stage, 'forgotten', 'restart', 'success');
  await reported(stage, 'forgotten');
  expect(await seedDistance(stage, 'forgotten', 6)).toBeLessThan(1e-6);
  expect(text()).toContain('the label party has encrypted its labels again');
  const blocks = (await stage.processes('forgotten', 'success')).filter(({ spec }) => spec.nodeName === 'resume-y');
  const resumed = blocks.map((process) => decodeMessage(ResumeOutput, saidBy(process)));
  expect(new Set(resumed.map(({ labelsVersion }) => labelsVersion))).toEqual(new Set([0, 1]));
  expect(resumed.find(({ labelsVersion }) => labelsVersion === 1)?.labels).not.toEqual(old.labels);
});
