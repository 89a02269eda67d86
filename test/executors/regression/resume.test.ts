import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { CiphertextVector, decryptVector } from '../../../crypto/paillier/index.ts';
import { contextOf } from '../../../executors/regression/contexts.ts';
import type { Turn } from '../../../executors/regression/contexts.ts';
import { inlineText, parseInline } from '../../../executors/regression/messages.ts';
import { FeatureState, initialFeatureState } from '../../../executors/regression/parties.ts';
import type { FeatureParty } from '../../../executors/regression/parties.ts';
import { aggregateRound } from '../../../executors/regression/rounds/aggregate.ts';
import { forwardFingerprint, forwardRound } from '../../../executors/regression/rounds/forward.ts';
import { gradientRound } from '../../../executors/regression/rounds/gradient.ts';
import { openRound } from '../../../executors/regression/rounds/label.ts';
import { stepRound } from '../../../executors/regression/rounds/step.ts';
import { FileRunStore } from '../../../executors/regression/run-store.ts';
import { testKeyPair } from '../../support/keys.ts';
import { at, iterate, labelsOf, startRun, thetaOf } from '../../support/regression.ts';
import type { TestParties } from '../../support/regression.ts';

const folder = mkdtempSync(join(tmpdir(), 'resume-'));
afterAll(() => rmSync(folder, { recursive: true }));

const keys = await testKeyPair(512);
const ROWS = 20;
const ITERATIONS = 4;
const column = (seed: number): Float64Array =>
  Float64Array.from({ length: ROWS }, (_, row) => Math.sin(seed * 10 + row * seed));

function start(run: string): Promise<TestParties> {
  return startRun({
    parameters: { run, model: 'linear', scaling: 'none', alpha: 0.3, iterations: ITERATIONS },
    keys,
    blocks: [[column(1), column(2)], [column(3)]],
    labels: column(4),
  });
}

/** A party whose process ends after every message: each time it begins from its file. */
function opened(party: FeatureParty): FileRunStore<FeatureState> {
  const { name, parameters } = party;
  return new FileRunStore(join(folder, `${parameters.run}-${name}.json`), parameters, name, FeatureState);
}

async function load(party: FeatureParty): Promise<FeatureState> {
  return (await opened(party).load()) ?? initialFeatureState(party.columns.length);
}

async function forwardOf(party: FeatureParty, turn: Turn): Promise<string> {
  const state = await load(party);
  const context = contextOf(party.parameters, { round: 'forward', ...turn, party: party.name });
  const fingerprint = forwardFingerprint(party, state, turn);
  await opened(party).commit(state, [{ context, iteration: turn.iteration, fingerprint }]);
  return inlineText(forwardRound(party, state, turn));
}

async function gradientOf(party: FeatureParty, turn: Turn, aggregate: string): Promise<string> {
  const { state, message } = await gradientRound(party, await load(party), turn, parseInline(aggregate));
  await opened(party).commit(state);
  return inlineText(message);
}

/** An iteration in which everybody crashes after every message, and sends it a second time. */
async function iterateWithCrashes(run: TestParties, iteration: number): Promise<void> {
  const turn = { iteration, attempt: 0 };
  const { features, label } = run;
  const labels = await labelsOf(run, iteration);
  const lost = await Promise.all(features.map((party) => forwardOf(party, turn)));
  const forwards = await Promise.all(features.map((party) => forwardOf(party, turn)));
  for (const [index, text] of forwards.entries()) {
    const [first, second] = await Promise.all([at(lost, index), text].map((sent) => plaintextsOf(sent)));
    expect(second).toEqual(first);
    expect(text).not.toBe(at(lost, index));
  }
  const aggregate = await inlineText(aggregateRound(label, turn, parseInline(labels), forwards.map(parseInline)));
  const gradients: string[] = [];
  for (const party of features) {
    gradients.push(await gradientOf(party, turn, aggregate));
    expect(await gradientOf(party, turn, aggregate)).toBe(gradients.at(-1));
  }
  const opening = await openRound(label, at(run.labelStates, 0), turn, gradients.map(parseInline));
  const again = await openRound(label, opening.state, turn, gradients.map(parseInline));
  expect(again).toEqual(opening);
  run.labelStates[0] = again.state;
  for (const [index, party] of features.entries()) {
    const result = stepRound(party, await load(party), turn, at(opening.messages, index));
    await opened(party).commit(result.state);
    expect(stepRound(party, await load(party), turn, at(opening.messages, index))).toEqual(result);
  }
}

function plaintextsOf(text: string): Promise<bigint[]> {
  return decryptVector(keys.privateKey, CiphertextVector.parse(text));
}

test('a run in which every party crashes after every message ends where an undisturbed one does', async () => {
  const [disturbed, undisturbed] = [await start('disturbed'), await start('undisturbed')];
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    await iterateWithCrashes(disturbed, iteration);
    await iterate(undisturbed, iteration);
  }
  const states = await Promise.all(disturbed.features.map(load));
  expect(states.flatMap(({ theta }) => [...theta])).toEqual(thetaOf(undisturbed));
  expect(at(disturbed.labelStates, 0).opened).toEqual({ x1: ITERATIONS, x2: ITERATIONS });
});

test('a party whose coefficients changed cannot send other predictions under the same context', async () => {
  const run = await start('lost');
  const party = at(run.features, 0);
  const turn = { iteration: 0, attempt: 0 };
  await forwardOf(party, turn);
  const changed = { ...(await load(party)), theta: [1, 1] };
  const context = contextOf(party.parameters, { round: 'forward', ...turn, party: party.name });
  const emission = { context, iteration: 0, fingerprint: forwardFingerprint(party, changed, turn) };
  await expect(opened(party).commit(changed, [emission])).rejects.toMatchObject({ code: 'TWO_PLAINTEXTS' });
});
