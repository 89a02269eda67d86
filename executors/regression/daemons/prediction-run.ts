import { createHash } from 'node:crypto';
import * as z from 'zod';
import { TerminalError } from '../../../colony/errors.ts';
import { createHalf, openSigned } from '../agreement.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { partiesOf } from '../parameters.ts';
import { ConfirmationMessage, OfferMessage } from '../prediction/messages.ts';
import { type PredictionParameters, predictionParameters, type PredictionRequest } from '../prediction/request.ts';
import { confirmRound, offerRound, requireSeveral, type SharedSeeds } from '../prediction/rounds.ts';
import { refusal } from '../refusal.ts';
import { FileRunStore } from '../run-store.ts';
import { type Desk, filesOf, requireAcceptable, requireFreshName } from './desk.ts';
import { hexOf, keysOf } from './feature-setup.ts';
import { type Model, readModel } from './model.ts';
import type { NewRowsContent } from './new-rows.ts';
import { signedOutput } from './signed-outputs.ts';

/** What all parties of a prediction do alike: they find the model, say that they take part, and show that they mean the same rows. */

const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);

/**
 * What a party remembers of a prediction; plain JSON, secret until it has answered.
 *
 * - `half`, `seeds`: forgotten as soon as this party has answered
 * - `rows`, `idsDigest`, `rowsDigest`: of the rows that it offered
 * - `offers`, `agreedRows`: SHA-256 of the offers that the seeds come from, and how many rows they say
 * - `answer`: what a feature party has said, to say it again: SHA-256 of what it was given, and its masked numbers (base64)
 */
export const PredictionMemory = z.strictObject({
  half: z.strictObject({ privateHalf: Hex, publicHalf: Hex }).nullable(),
  seeds: z.record(z.string(), Hex),
  rows: z.int().min(1).nullable(),
  idsDigest: z.string().nullable(),
  rowsDigest: z.string(),
  offers: z.string().nullable(),
  agreedRows: z.int().min(1).nullable(),
  answer: z.strictObject({ given: z.string(), data: z.base64() }).nullable(),
  finished: z.boolean(),
});
/** @see {@link PredictionMemory} */
export type PredictionMemory = z.output<typeof PredictionMemory>;

/** A party's part in one prediction. */
export interface PredictionRun {
  readonly desk: Desk;
  readonly request: PredictionRequest;
  readonly model: Model;
  readonly parameters: PredictionParameters;
  readonly store: FileRunStore<PredictionMemory>;
}

/**
 * Finds the model, and refuses what this party does not take part in.
 *
 * @throws TerminalError as `readModel`, `NOT_ACCEPTED`, `WRONG_PARTY`, `ONE_PARTY`
 */
export async function openPrediction(
  desk: Desk,
  request: PredictionRequest,
  role: 'label' | 'feature',
): Promise<PredictionRun> {
  const isRight = role === 'label' ? request.label === desk.name : request.features.includes(desk.name);
  if (!isRight) {
    throw refusal('WRONG_PARTY', `prediction: expected ${desk.name} as its ${role} party, got other names`);
  }
  const model = await readModel(desk, request);
  requireAcceptable(desk, model.training.parameters);
  const others = [request.label, ...request.features].filter((name) => name !== desk.name);
  desk.peers.requireListed(others);
  for (const party of others) desk.peers.requireId(party, idOf(model, party));
  const parameters = predictionParameters(model.training, request);
  requireSeveral(parameters);
  const path = filesOf(desk, parameters).pathOf('state.json');
  const store = new FileRunStore(path, parameters, desk.name, PredictionMemory);
  return { desk, request, model, parameters, store };
}

/** Whose signature counts as that of a party: who had the name in the training. */
function idOf({ parties, run }: Model, party: string): string {
  const id = parties[party];
  if (id !== undefined) return id;
  throw refusal('WRONG_PARTY', `run ${run}: expected the id of ${party} among those of the training, got none`);
}

/** Says that this party takes part, with which number of rows. A repetition says the same. */
export async function offer(run: PredictionRun, readRows: () => Promise<NewRowsContent>): Promise<string> {
  const known = await loadOrRefuse(run);
  if (known !== undefined && (known.half === null || known.finished)) throw seenName(run);
  const content = await readRows();
  const memory = known ?? (await beginPrediction(run, content));
  requireSameRows(memory, content);
  const message = offerRound(predictorOf(run, memory), memory.rows);
  return signedOutput(run.desk, encodeMessage(OfferMessage, message));
}

async function beginPrediction(run: PredictionRun, content: NewRowsContent): Promise<PredictionMemory> {
  requireFreshName(run.desk, run.parameters);
  const memory: PredictionMemory = {
    half: hexOf(createHalf()),
    seeds: {},
    rows: content.rows,
    idsDigest: content.idsDigest,
    rowsDigest: content.digest,
    offers: null,
    agreedRows: null,
    answer: null,
    finished: false,
  };
  await run.store.commit(memory);
  return memory;
}

/** A state of another request under this name is one that this party has seen. */
async function loadOrRefuse(run: PredictionRun): Promise<PredictionMemory | undefined> {
  try {
    return await run.store.load();
  } catch (error) {
    if (error instanceof TerminalError && error.code === 'BAD_STORE') throw seenName(run, error);
    throw error;
  }
}

function seenName({ desk, request: { prediction } }: PredictionRun, cause?: unknown): Error {
  return refusal(
    'WRONG_RUN',
    `prediction ${prediction}: expected a name that ${desk.name} has not seen, got one of an earlier run; choose another`,
    cause,
  );
}

/** @throws TerminalError `DATA_CHANGED` */
export function requireSameRows({ rowsDigest }: PredictionMemory, { digest }: NewRowsContent): void {
  if (rowsDigest === digest) return;
  throw refusal(
    'DATA_CHANGED',
    'prediction: expected the new rows that this party has offered, got others; ask again under another name',
  );
}

/** What this party remembers. @throws TerminalError `STALE_CONTEXT` where it has offered nothing */
export async function recallPrediction(run: PredictionRun): Promise<PredictionMemory> {
  const memory = await loadOrRefuse(run);
  if (memory !== undefined) return memory;
  throw refusal(
    'STALE_CONTEXT',
    `prediction ${run.request.prediction}: expected ${run.desk.name} to have offered its rows, it has not; ask again under another name`,
  );
}

function predictorOf({ desk, parameters }: PredictionRun, { half }: PredictionMemory) {
  if (half !== null) return { parameters, name: desk.name, half: keysOf(half) };
  throw refusal('STALE_CONTEXT', 'prediction: expected one that goes on, got one that has ended here; ask again');
}

/**
 * Agrees on seeds with the others, and shows them that this party means the same rows. A repetition says the same.
 *
 * @param inputs offers of all parties: the label party, then the feature parties
 */
export async function confirm(run: PredictionRun, inputs: readonly string[]): Promise<string> {
  const memory = await recallPrediction(run);
  const texts = openTexts(run, 'offer', partiesOf(run.parameters), inputs);
  const offers = digestOfTexts(texts);
  if (memory.offers !== null && memory.offers !== offers) {
    throw refusal('REPLAYED', 'prediction: expected the offers that this party has confirmed, got others; ask again');
  }
  const messages = texts.map((text) => decodeMessage(OfferMessage, text));
  const { rows, seeds, message } = confirmRound(predictorOf(run, memory), memory.idsDigest, messages);
  await run.store.commit({ ...memory, offers, agreedRows: rows, seeds: hexOfSeeds(seeds) });
  return signedOutput(run.desk, encodeMessage(ConfirmationMessage, message));
}

/** The confirmations of some parties, in their order. @throws TerminalError as {@link openTexts} */
export function openConfirmations(
  run: PredictionRun,
  parties: readonly string[],
  inputs: readonly string[],
): ConfirmationMessage[] {
  return openTexts(run, 'confirmation', parties, inputs).map((text) => decodeMessage(ConfirmationMessage, text));
}

/**
 * What some parties have signed, in their order.
 *
 * @param what they say, for messages
 * @throws TerminalError `BAD_SIGNATURE`, `BAD_MESSAGE`
 */
export function openTexts(
  { model }: PredictionRun,
  what: 'offer' | 'confirmation' | 'prediction',
  parties: readonly string[],
  inputs: readonly string[],
): string[] {
  return parties.map((party, index) => openSigned(inputs[index] ?? '', idOf(model, party), `${what} of ${party}`));
}

/** How many rows, and the seeds, of a prediction that this party has confirmed. @throws TerminalError `STALE_CONTEXT` */
export function agreedOn({ agreedRows: rows, seeds }: PredictionMemory): { rows: number; seeds: SharedSeeds } {
  if (rows === null) {
    throw refusal('STALE_CONTEXT', 'prediction: expected this party to have confirmed its rows, it has not; ask again');
  }
  const entries = Object.entries(seeds).map(([party, seed]) => [party, Buffer.from(seed, 'hex')] as const);
  return { rows, seeds: new Map(entries) };
}

function hexOfSeeds(seeds: SharedSeeds): Record<string, string> {
  return Object.fromEntries([...seeds].map(([party, seed]) => [party, Buffer.from(seed).toString('hex')]));
}

/** SHA-256 of some texts in their order. */
export function digestOfTexts(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}
