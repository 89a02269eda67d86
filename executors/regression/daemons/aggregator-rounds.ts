import { dealShares, generateKeyPair } from '../../../crypto/paillier/index.ts';
import { createHalf, halfText, keyText, pairSeed, readHalf } from '../agreement.ts';
import { batchIndexOf } from '../batches.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { DealOutput, openCiphertexts, ResumeOutput, vectorText } from '../outputs.ts';
import { isCubic, partiesOf } from '../parameters.ts';
import { aggregateRound, predictionSumRound } from '../rounds/aggregate.ts';
import { shareTextFor } from '../shares.ts';
import type { RunKey } from '../streams.ts';
import { heldOutRows, type Training } from '../training.ts';
import { type CallTools, type Desk, sharersOf } from './desk.ts';
import { openOutputs } from './signed-outputs.ts';

/** What an aggregator does: it adds what it cannot read, and remembers nothing. */

/** The aggregator's part in a run. */
export interface AggregatorRun {
  readonly desk: Desk;
  readonly training: Training;
}

/**
 * The labels and everybody's predictions, added under encryption.
 *
 * @param inputs what the label party resumed with, then the feature parties' predictions in their order
 */
export async function aggregate(
  { desk, training }: AggregatorRun,
  turn: Turn,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const { run, labels } = await openResume(desk, training, inputs[0] ?? '', signal);
  const text = labels[batchIndexOf(training.parameters, turn.iteration)];
  const base = isCubic(training.parameters) || text === undefined ? undefined : openCiphertexts(blobs, text, signal);
  const forwards = inputs.slice(1).map((forward) => openCiphertexts(blobs, forward, signal));
  return vectorText(blobs, aggregateRound(run, turn, base, forwards, { signal }), signal);
}

/** Everybody's predictions for the rows held out, added under encryption. */
export async function sumPredictions(
  aggregatorRun: AggregatorRun,
  request: number,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const { desk, training } = aggregatorRun;
  const { run } = await openResume(desk, training, inputs[0] ?? '', signal);
  const signed = await openOutputs(aggregatorRun, inputs.slice(1), signal);
  const predictions = signed.map((text) => openCiphertexts(blobs, text, signal));
  const rows = heldOutRows(training.totalRows, training.holdoutEvery);
  const turn = { iteration: request, attempt: 0 };
  return vectorText(blobs, predictionSumRound(run, turn, rows, predictions, { signal }), signal);
}

async function openResume(
  desk: Desk,
  training: Training,
  text: string,
  signal: AbortSignal,
): Promise<{ run: RunKey; labels: readonly string[] }> {
  const { key, labels } = decodeMessage(ResumeOutput, text);
  const { parameters } = training;
  return { run: { parameters, publicKey: await desk.keys.read(desk, training, key, signal) }, labels };
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
    const other = readHalf(parameters, party, halves[index] ?? '', await desk.peers.idOf(party, signal));
    const seed = pairSeed(parameters, { party: desk.name, ...own }, other);
    const share = shares[index];
    if (share) sealed.push(shareTextFor({ parameters, publicKey }, desk.name, { party, seed }, share));
  }
  return encodeMessage(DealOutput, {
    v: 1,
    kind: 'dealt',
    key: keyText(parameters, desk.name, publicKey, desk.identity),
    half: halfText(parameters, desk.name, own, desk.identity),
    shares: sealed,
  });
}
