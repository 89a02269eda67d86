import { expect, test, vi } from 'vitest';
import { CiphertextVector } from '../../../crypto/paillier/index.ts';
import { type StatementPlace, statementBy } from '../../../executors/regression/daemons/statements.ts';
import { decodeMessage, encodeMessage } from '../../../executors/regression/messages.ts';
import { FinishOutput, GradientOutput, ResumeOutput, RowsOutput } from '../../../executors/regression/outputs.ts';
import { type Training, trainingDigest } from '../../../executors/regression/training.ts';
import { openRegressionStage, type RegressionStage, saidBy } from '../../support/regression-daemons.ts';
import { cancelRun, reached, SEED_REQUEST, startSeed, trainingOf } from '../../support/regression-seed.ts';
import { failureOf, identityOf, outcomeOf, outputOf, startSpeaker } from '../../support/regression-speaker.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

/** What a party that departs from the protocol signs with its own key. */
async function signed(
  stage: RegressionStage,
  training: Training,
  party: string,
  place: StatementPlace,
  text: string,
): Promise<string> {
  const identity = await identityOf(stage, party);
  return statementBy({ name: party, identity }, trainingDigest(training), place, text);
}

/** The text of what a process of a run has said. */
async function textOf(stage: RegressionStage, run: string, name: string): Promise<string> {
  const done = (await stage.processes(run, 'success')).find(({ spec }) => spec.nodeName === name);
  if (done === undefined) throw new Error(`expected ${name} to have ended`);
  return saidBy(done);
}

test('a feature party chooses its rows once: nobody keeps others in their place later', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const run = 'chosen';
  await stage.submit({ ...SEED_REQUEST, run, mode: 'additive', keyBits: 768, iterations: 40, blockIterations: 40 });
  await reached(stage, run, 'open-y-0', 'success');
  const training = await trainingOf(stage, run);
  const names = ['rows-x1', 'rows-x2', 'half-y', 'half-x1', 'half-x2'];
  const [, ...others] = await Promise.all(names.map((name) => outputOf(stage, run, name)));
  const own = decodeMessage(RowsOutput, await textOf(stage, run, 'rows-x1'));
  const rows = CiphertextVector.parse(own.rows);
  const other = rows.with({ data: Buffer.concat([rows.data.subarray(192), rows.data.subarray(0, 192)]) });
  const text = encodeMessage(RowsOutput, { ...own, rows: other.toJson() });
  const replaced = await signed(stage, training, 'x1', { about: 'rows' }, text);
  await using speaker = await startSpeaker(stage);
  for (const party of ['y', 'x2']) {
    const ask = { name: `again-${party}`, functionName: 'regression_keep_rows', party, inputs: [replaced, ...others] };
    expect(await failureOf(speaker, run, ask)).toMatch(
      /rows of x1: expected the key and the rows that the set-up began/,
    );
  }
});

test('a share holder opens to the label party as many sums as a run may need, and no more', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const run = 'sums';
  const request = { mode: 'threshold', iterations: 3, blockIterations: 3, retries: 1, holdoutEvery: 10 };
  await stage.submit({ ...SEED_REQUEST, run, ...request });
  await reached(stage, run, 'forward-x1-1', 'success');
  await cancelRun(stage, run);
  const training = await trainingOf(stage, run);
  const { state } = JSON.parse(await stage.fileOf('x1', run, 'state.json'));
  const { iteration } = state.lastTurn;
  const { gradient } = decodeMessage(GradientOutput, await textOf(stage, run, 'gradient-x1-0'));
  const ciphertext = CiphertextVector.parse(gradient);
  const context = (round: string, party: string, place: number): string =>
    ciphertext.context.replace('/0/0/gradient/x1', `/${place}/0/${round}/${party}`);
  const square = 2 * training.parameters.scaleBits;
  await using speaker = await startSpeaker(stage);
  const ask = async (name: string, about: 'finished' | 'prediction', texts: readonly string[]): Promise<string> => {
    const inputs = await Promise.all(
      texts.map((text, index) => signed(stage, training, `x${index + 1}`, { about, iteration }, text)),
    );
    const functionName = about === 'finished' ? 'regression_open_loss' : 'regression_open_predictions';
    return outcomeOf(speaker, run, { name, functionName, party: 'x1', inputs, iteration });
  };
  const losses = (byte: number): string[] =>
    ['x1', 'x2'].map((party) => {
      const data = ciphertext.data.slice(0, ciphertext.elementBytes).fill(byte, -1);
      const loss = ciphertext.with({ data, scaleBits: square, context: context('loss', party, iteration) }).toJson();
      return encodeMessage(FinishOutput, { v: 1, kind: 'finished', progress: null, loss, lossPartial: null });
    });
  const answers: string[] = [];
  for (let byte = 1; byte < 12; byte += 2) answers.push(await ask(`loss-${byte}`, 'finished', losses(byte)));
  // Three iterations and a repetition; what the run itself has opened counts.
  const given = answers.filter((answer) => answer === 'success');
  expect(given.length).toBeGreaterThan(0);
  expect(given.length).toBeLessThanOrEqual(4);
  expect(answers.at(-1)).toMatch(/sum of losses: expected at most 4 openings in this run/);
  const predictions = (byte: number): string[] =>
    ['x1', 'x2'].map((party) => {
      const one = Buffer.from(ciphertext.data.slice(0, ciphertext.elementBytes).fill(byte, -1));
      const data = Buffer.concat(Array.from({ length: 10 }, () => one));
      const more = { data, count: 10, scaleBits: training.parameters.scaleBits };
      return ciphertext.with({ ...more, context: context('predict', party, iteration) }).toJson();
    });
  expect(await ask('prediction-1', 'prediction', predictions(1))).toBe('success');
  expect(await ask('prediction-1-again', 'prediction', predictions(1))).toBe('success');
  expect(await ask('prediction-3', 'prediction', predictions(3))).toBe('success');
  expect(await ask('prediction-5', 'prediction', predictions(5))).toMatch(
    /sum of predictions: expected at most 2 openings in this run/,
  );
});

test('a run that has ended is not reported, or forgotten, as one of another training with the same parameters', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const run = 'ended';
  await stage.train({ ...SEED_REQUEST, run });
  await using speaker = await startSpeaker(stage);
  const change = { blockIterations: 3 };
  const report = {
    name: 'report-again',
    functionName: 'regression_report',
    party: 'y',
    inputs: [],
    iteration: 4,
    change,
  };
  expect(await failureOf(speaker, run, report)).toMatch(/run ended: expected the training that it began with/);
  const forget = { ...report, name: 'forget-again', functionName: 'regression_forget', party: 'x1' };
  expect(await failureOf(speaker, run, forget)).toMatch(/run ended: expected the training that it began with/);
});

test('nobody but the label party replaces the labels that a feature party holds everybody to', async () => {
  await using stage = await openRegressionStage();
  await startSeed(stage);
  const run = 'held';
  await stage.submit({ ...SEED_REQUEST, run, mode: 'threshold' });
  await reached(stage, run, 'forward-x1-1', 'success');
  await cancelRun(stage, run);
  const training = await trainingOf(stage, run);
  const before = JSON.parse(await stage.fileOf('x1', run, 'state.json')).state;
  const { iteration } = before.feature;
  const opened = await Promise.all(['y', 'x1'].map((party) => outputOf(stage, run, `open-${party}-${iteration - 1}`)));
  const labels = { labels: ['others'], labelsVersion: 99 };
  const said = encodeMessage(ResumeOutput, { v: 1, kind: 'resumed', key: '', ...labels, opened: null });
  const resumed = await signed(stage, training, 'x2', { about: 'resumed', iteration }, said);
  await using speaker = await startSpeaker(stage);
  const ask = { name: 'pin', functionName: 'regression_forward', party: 'x1', inputs: [...opened, resumed] };
  expect(await outcomeOf(speaker, run, { ...ask, iteration, attempt: 1 })).toBe('success');
  const { state } = JSON.parse(await stage.fileOf('x1', run, 'state.json'));
  expect(state.labels).toEqual(before.labels);
});
