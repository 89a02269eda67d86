import { dealShares, generateKeyPair } from '../../../crypto/paillier/index.ts';
import { createHalf, halfText, keyText, pairSeed, readHalf } from '../agreement.ts';
import { batchIndexOf } from '../batches.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { AggregateOutput, DealOutput, openCiphertexts, ResumeOutput, vectorText } from '../outputs.ts';
import { isCubic, partiesOf } from '../parameters.ts';
import { aggregateRound, predictionSumRound } from '../rounds/aggregate.ts';
import { shareTextFor } from '../shares.ts';
import type { RunKey } from '../streams.ts';
import { heldOutRows, type Training } from '../training.ts';
import { type CallTools, type Desk, sharersOf } from './desk.ts';
import { digestOfLabels } from './labels-pin.ts';
import { idOf } from './party-ids.ts';
import { expectFeatures, openStatements, statement, type StatementPlace } from './statements.ts';

/** What an aggregator does: it adds what it cannot read, and remembers nothing. */

/** The aggregator's part in a run. */
export interface AggregatorRun {
  readonly desk: Desk;
  readonly training: Training;
}

/**
 * The labels and everybody's predictions, added under encryption; says which labels these were.
 *
 * @param inputs what the label party resumed with, then the feature parties' predictions in their order
 */
export async function aggregate(
  aggregatorRun: AggregatorRun,
  turn: Turn,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const { parameters } = aggregatorRun.training;
  const { run, labels, texts } = await openInputs(aggregatorRun, inputs, { about: 'forward', ...turn }, signal);
  const text = isCubic(parameters) ? undefined : labels[batchIndexOf(parameters, turn.iteration)];
  const base = text === undefined ? undefined : openCiphertexts(blobs, text, signal);
  const forwards = texts.map((forward) => openCiphertexts(blobs, forward, signal));
  const sum = await vectorText(blobs, aggregateRound(run, turn, base, forwards, { signal }), signal);
  const digest = text === undefined ? null : digestOfLabels(text);
  const output = encodeMessage(AggregateOutput, { v: 1, kind: 'aggregate', labels: digest, sum });
  return statement(aggregatorRun, { about: 'aggregate', ...turn }, output);
}

/** Everybody's predictions for the rows held out, added under encryption. */
export async function sumPredictions(
  aggregatorRun: AggregatorRun,
  request: number,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const { training } = aggregatorRun;
  const turn = { iteration: request, attempt: 0 };
  const { run, texts } = await openInputs(aggregatorRun, inputs, { about: 'prediction', ...turn }, signal);
  const predictions = texts.map((text) => openCiphertexts(blobs, text, signal));
  const rows = heldOutRows(training.totalRows, training.holdoutEvery);
  const sum = await vectorText(blobs, predictionSumRound(run, turn, rows, predictions, { signal }), signal);
  return statement(aggregatorRun, { about: 'prediction-sum', ...turn }, sum);
}

/** What the label party resumed with, and what the feature parties said in this place. */
async function openInputs(
  aggregatorRun: AggregatorRun,
  inputs: readonly string[],
  place: StatementPlace,
  signal: AbortSignal,
): Promise<{ run: RunKey; labels: readonly string[]; texts: readonly string[] }> {
  const { desk, training } = aggregatorRun;
  const { parameters } = training;
  const expected = [{ about: 'resumed', party: parameters.label } as const, ...expectFeatures(aggregatorRun, place)];
  const [resumed = '', ...texts] = await openStatements(aggregatorRun, inputs, expected, signal);
  const { key, labels } = decodeMessage(ResumeOutput, resumed);
  return { run: { parameters, publicKey: await desk.keys.read(desk, training, key, signal) }, labels, texts };
}

/**
 * In threshold mode: makes the key, seals a share for every party, and forgets it. A dealer could keep it: it is trusted
 * with that, and must not be one of the parties.
 *
 * @param halves of all parties, in their order
 */
export async function deal(
  { desk, training }: AggregatorRun,
  halves: readonly string[],
  { signal }: CallTools,
): Promise<string> {
  const { parameters } = training;
  const { publicKey, privateKey } = await generateKeyPair({ keyBits: parameters.keyBits, allowShortKey: true });
  const own = createHalf();
  const shares = await dealShares(privateKey, { parties: partiesOf(parameters).length });
  const sealed: string[] = [];
  for (const [index, party] of sharersOf(training).entries()) {
    const other = readHalf(parameters, party, halves[index] ?? '', await idOf({ desk, training }, party, signal));
    const seed = pairSeed(parameters, { party: desk.name, ...own }, other);
    const share = shares[index];
    if (share) sealed.push(shareTextFor({ parameters, publicKey }, desk.name, { party, seed }, share));
  }
  return encodeMessage(DealOutput, {
    v: 1,
    kind: 'dealt',
    key: await keyText(parameters, desk.name, privateKey, desk.identity),
    half: halfText(parameters, desk.name, own, desk.identity),
    shares: sealed,
  });
}
