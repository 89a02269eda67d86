import { expect, test, vi } from 'vitest';
import { generateIdentity, type Identity } from '../../../colony/identity.ts';
import { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { contextOf } from '../../../executors/regression/contexts.ts';
import { type StatementPlace, statementBy } from '../../../executors/regression/daemons/statements.ts';
import { decodeMessage, encodeMessage } from '../../../executors/regression/messages.ts';
import { GradientOutput, ResumeOutput, stopText } from '../../../executors/regression/outputs.ts';
import { trainingDigest } from '../../../executors/regression/training.ts';
import { openRegressionStage, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
import {
  reached,
  reported,
  seedDistance,
  SEED_REQUEST,
  startSeed,
  startSeedParty,
  trainingOf,
} from '../../support/regression-seed.ts';
import { failureOf, type Forgery, identityOf, outputOf, startSpeaker } from '../../support/regression-speaker.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

/** A run of which x2 is away after the first opening, so that everybody else waits. */
async function pausedRun(stage: RegressionStage, run: string, more: object = {}): Promise<void> {
  const { x2 } = await startSeed(stage);
  await stage.submit({ ...SEED_REQUEST, run, ...more });
  await reached(stage, run, 'open-y-0', 'success');
  await x2.stop({ graceMs: 0 });
}

/** What somebody signs in the name of a party. */
async function signedAs(
  stage: RegressionStage,
  run: string,
  { party, identity }: { readonly party: string; readonly identity: Identity },
  place: StatementPlace,
  text: string,
): Promise<string> {
  const digest = trainingDigest(await trainingOf(stage, run));
  return statementBy({ name: party, identity }, digest, place, text);
}

/** A gradient of x1 that is no gradient but the first encrypted label, for an iteration that has not come yet. */
async function forgedGradient(stage: RegressionStage, run: string): Promise<string> {
  const { parameters } = await trainingOf(stage, run);
  const resumed = (await stage.processes(run, 'success')).find(({ spec }) => spec.nodeName === 'resume-y');
  if (resumed === undefined) throw new Error('expected a block');
  const { labels } = decodeMessage(ResumeOutput, saidBy(resumed));
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

test('nobody but a feature party gets anything opened under the name of its gradient', async () => {
  await using stage = await openRegressionStage();
  await pausedRun(stage, 'forged');
  await using speaker = await startSpeaker(stage);
  const first = await forgedGradient(stage, 'forged');
  const texts = [first, first.replaceAll('/gradient/x1', '/gradient/x2')];
  const ask = (name: string, inputs: readonly string[]): Promise<string> =>
    failureOf(speaker, 'forged', { name, functionName: 'regression_open', party: 'y', inputs, iteration: 3 });
  expect(await ask('unsigned', texts)).toMatch(/gradient of x1: expected a statement with the signature of x1/);
  const stranger = generateIdentity();
  const sign = (place: StatementPlace, identity: Identity) =>
    Promise.all(
      texts.map((text, index) => signedAs(stage, 'forged', { party: `x${index + 1}`, identity }, place, text)),
    );
  const place = { about: 'gradient', iteration: 3 } as const;
  expect(await ask('signed', await sign(place, stranger))).toMatch(/gradient of x1: expected the signature of/);
  const own = await identityOf(stage, 'x1');
  const moved = await sign({ about: 'forward', iteration: 3 }, own);
  expect(await ask('moved', moved)).toMatch(/gradient of x1: expected one of about gradient, got one of forward/);
  const late = await sign({ about: 'gradient', iteration: 1 }, own);
  expect(await ask('late', late)).toMatch(/gradient of x1: expected one of iteration 3, got one of 1/);
  const [genuine = ''] = await sign(place, own);
  expect(await ask('altered', [genuine.replace(/\/gradient\/x1/, '/gradient/x3'), ''])).toMatch(
    /gradient of x1: expected the signature of/,
  );
});

test('nobody but a party that opens can stop a run, end it, begin it, or say where it stands', async () => {
  await using stage = await openRegressionStage();
  await pausedRun(stage, 'stopped');
  await using speaker = await startSpeaker(stage);
  const ask = (name: string, forgery: Omit<Forgery, 'name'>): Promise<string> =>
    failureOf(speaker, 'stopped', { name, ...forgery });
  const stop = stopText('converged', 1);
  const place = { about: 'opening', iteration: 1 } as const;
  const asLabel = await signedAs(stage, 'stopped', { party: 'y', identity: generateIdentity() }, place, stop);
  const x1 = { party: 'x1', identity: await identityOf(stage, 'x1') };
  const byFeature = await signedAs(stage, 'stopped', x1, place, stop);
  const proceed = { functionName: 'regression_continue', party: 'y', iteration: 2 };
  const gradient = { functionName: 'regression_gradient', party: 'x1', iteration: 1 };
  const unsigned = /expected a statement with the signature of/;
  expect(await ask('a', { ...proceed, inputs: [stop] })).toMatch(unsigned);
  expect(await ask('b', { ...proceed, inputs: [asLabel] })).toMatch(/opening of y: expected the signature of/);
  expect(await ask('c', { ...proceed, inputs: [byFeature] })).toMatch(/expected one of party y, got one of x1/);
  expect(await ask('d', { ...proceed, inputs: [] })).toMatch(/inputs: expected 1 \(opening of y\), got 0/);
  expect(await ask('e', { ...gradient, inputs: [stop] })).toMatch(unsigned);
  expect(await ask('f', { ...gradient, inputs: [asLabel] })).toMatch(/opening of y: expected the signature of/);
  const forget = { functionName: 'regression_forget', party: 'x1', iteration: 4 };
  expect(await ask('g', { ...forget, inputs: [] })).toMatch(/inputs: expected 1 \(report of y\), got 0/);
  const begin = { functionName: 'regression_begin', party: 'y' };
  expect(await ask('h', { ...begin, inputs: [] })).toMatch(/inputs: expected 2 \(ready of x1, ready of x2\), got 0/);
  // All that is real is still good enough to end the run with.
  await startSeedParty(stage, 'x2');
  await reported(stage, 'stopped');
  expect(await seedDistance(stage, 'stopped', 4)).toBeLessThan(1e-6);
});

test('a party of another run, and a party in another place, are not believed', async () => {
  await using stage = await openRegressionStage();
  await pausedRun(stage, 'shared', { mode: 'additive', keyBits: 768 });
  await using speaker = await startSpeaker(stage);
  const forward = await outputOf(stage, 'shared', 'forward-x1-0');
  const other = await outputOf(stage, 'shared', 'forward-x2-0');
  const multiply = { functionName: 'regression_multiply', party: 'y', iteration: 0 };
  const ask = (name: string, inputs: readonly string[], more: Partial<Forgery> = {}): Promise<string> =>
    failureOf(speaker, 'shared', { name, ...multiply, inputs, ...more });
  expect(await ask('swapped', [other, forward])).toMatch(/forward of x1: expected one of party x1, got one of x2/);
  expect(await ask('attempt', [forward, other], { attempt: 2 })).toMatch(
    /forward of x1: expected one of attempt 2, got one of 0/,
  );
  expect(await ask('replayed', [forward, other], { iteration: 2 })).toMatch(
    /forward of x1: expected one of iteration 2, got one of 0/,
  );
  const text = JSON.parse(forward).text.replace(/data\\":\\"../, String.raw`data\":\"AA`);
  const altered = JSON.stringify({ ...JSON.parse(forward), text });
  expect(await ask('altered', [altered, other])).toMatch(/forward of x1: expected the signature of/);
  const stranger = { party: 'regression-aggregator', identity: generateIdentity() };
  const sums = await signedAs(stage, 'shared', stranger, { about: 'gradient-sum' }, '{}');
  const keep = { functionName: 'regression_keep_sums', iteration: 0 };
  expect(await ask('sums', [sums], keep)).toMatch(/gradient-sum of regression-aggregator: expected the signature of/);
});

test('nobody gets predictions by asking under numbers of requests that are not the iteration where a party is', async () => {
  await using stage = await openRegressionStage();
  await pausedRun(stage, 'asked', { holdoutEvery: 10 });
  await using speaker = await startSpeaker(stage);
  const predict = { functionName: 'regression_predict', party: 'x1', inputs: [] };
  expect(await failureOf(speaker, 'asked', { name: 'far', ...predict, iteration: 40 })).toMatch(
    /iteration: expected \d, which this party is at, got 40/,
  );
  await reached(stage, 'asked', 'forward-x1-1', 'success');
  expect(await failureOf(speaker, 'asked', { name: 'early', ...predict, iteration: 1 })).toMatch(
    /inputs: expected 2 \(finished of x1, finished of x2\), got 0/,
  );
});
