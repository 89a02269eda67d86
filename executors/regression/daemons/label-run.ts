import type { PrivateKey, PublicKey } from 'paillier-bigint';
import type { BlobStore } from '../../../colony/blobs.ts';
import { letOthersWork } from '../../../colony/event-loop.ts';
import { findReference } from '../../../colony/vector-text.ts';
import { generateKeyPair, privateKeyFromPrimes } from '../../../crypto/paillier/index.ts';
import { primesOf } from '../../../crypto/paillier/keys.ts';
import { createHalf, halfText, keyText } from '../agreement.ts';
import { guardLabels, guardParameters } from '../guards.ts';
import { batchCount } from '../batches.ts';
import { encodeMessage } from '../messages.ts';
import { LabelsOutput, ResumeOutput, vectorText } from '../outputs.ts';
import { INITIAL_LABEL_STATE, type LabelParty } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { labelsRound } from '../rounds/label.ts';
import { FileRunStore } from '../run-store.ts';
import { prepareLabels, requireClasses } from '../scaling.ts';
import { divideRows, type Training, trainingDigest } from '../training.ts';
import { forgetKeys } from './additive-keys.ts';
import { recordRun } from './audit.ts';
import { type CallTools, type Desk, filesOf, requireFreshName } from './desk.ts';
import { hasEnded, requireAgreedRows, requireSameTraining } from './feature-run.ts';
import { hexOf, keysOf, readyText, receiveShare } from './feature-setup.ts';
import { LabelMemory } from './memory.ts';
import { writeModel } from './model.ts';
import { openingBefore, standOf } from './openings.ts';
import { OpenRuns } from './open-runs.ts';
import { lookUpIds, rememberIds } from './party-ids.ts';
import { statement } from './statements.ts';
import { type PartyTable, readTableForRun, type TableContent } from './table.ts';

/** The label party's part in one run. */
export interface LabelRun {
  readonly desk: Desk;
  readonly training: Training;
  readonly store: FileRunStore<LabelMemory>;
  readonly tableDigest: string;
  /** E0 in plain of the rows to train with. */
  readonly base: Float64Array;
  readonly mean: number;
  /** Labels of the rows to train with, and of those held out. */
  readonly labels: { readonly train: Float64Array; readonly heldOut: Float64Array };
  /** Names of the rows held out: their ids, or their positions from 0 where rows meet by position. */
  readonly heldOutNames: readonly string[];
}

/** The runs of the label party. */
export class LabelRuns {
  readonly #desk: Desk;
  readonly #table: PartyTable;
  readonly #runs = new OpenRuns<LabelRun>();

  constructor(desk: Desk, table: PartyTable) {
    this.#desk = desk;
    this.#table = table;
  }

  /** The run of a training, with its labels prepared and guarded. @throws TerminalError of the guards, DataError */
  open(training: Training, { signal }: Pick<CallTools, 'signal'>): Promise<LabelRun> {
    return this.#runs.get(training, () => this.#open(training, signal));
  }

  async #open(training: Training, signal: AbortSignal): Promise<LabelRun> {
    const { parameters, holdoutEvery } = training;
    const content = await readTableForRun(this.#table, signal);
    requireAgreedRows(training, content);
    const [column] = content.columns;
    if (column === undefined || content.columns.length !== 1) {
      throw refusal('BAD_LABELS', `labels: expected one column, got ${content.columns.length}; name it with --target`);
    }
    // Before they are divided, so that the row that is named is that of the operator's table.
    requireClasses(parameters, column);
    const labels = divideRows(column, holdoutEvery);
    await letOthersWork();
    const labelsOfTraining = { train: labels.train, heldOut: labels.heldOut };
    const { base, mean } = prepareLabels(parameters, labels.train);
    guardParameters(parameters);
    guardLabels(parameters, base);
    const path = filesOf(this.#desk, parameters).pathOf('state.json');
    const store = new FileRunStore(path, parameters, this.#desk.name, LabelMemory);
    const own = { desk: this.#desk, training, store, tableDigest: content.digest };
    const heldOutNames = holdoutEvery === 0 ? [] : namesOfRows(content).filter((_, row) => row % holdoutEvery === 0);
    return { ...own, base, mean, labels: labelsOfTraining, heldOutNames };
  }
}

function namesOfRows({ ids, rowCount }: TableContent): readonly string[] {
  return ids ?? Array.from({ length: rowCount }, (_, row) => String(row));
}

/** What the label party remembers. @throws TerminalError `STALE_CONTEXT` before the set-up, `DATA_CHANGED` */
export async function recallLabels(run: LabelRun): Promise<LabelMemory> {
  const memory = await run.store.load();
  const name = `run ${run.training.parameters.run}`;
  if (memory === undefined) {
    throw refusal('STALE_CONTEXT', `${name}: expected its set-up to have been done here, got none; submit it anew`);
  }
  if (memory.finished) throw hasEnded(name);
  requireSameTraining(run.training, memory.training);
  rememberIds(run, memory.ids);
  if (memory.tableDigest === run.tableDigest) return memory;
  throw refusal(
    'DATA_CHANGED',
    `${name}: expected the labels that it began with, got others; a run needs the same rows to its end`,
  );
}

/** Remembers the run from now on; a repetition changes nothing. */
export async function beginMemory(run: LabelRun, { signal }: CallTools): Promise<LabelMemory> {
  const known = await run.store.load();
  if (known !== undefined) return recallLabels(run);
  requireFreshName(run.desk, run.training.parameters);
  await recordRun(run, 'begun', run.tableDigest);
  const memory: LabelMemory = {
    training: trainingDigest(run.training),
    half: null,
    pairs: {},
    key: null,
    ids: await lookUpIds(run.desk, run.training.parameters, signal),
    tableDigest: run.tableDigest,
    share: null,
    openState: INITIAL_LABEL_STATE,
    lastOpened: null,
    openedBefore: null,
    finished: false,
    primes: null,
    labels: [],
    labelsVersion: 0,
    pendingLoss: null,
    logBytes: 0,
    submitted: {},
    begun: false,
    stopped: null,
  };
  await run.store.commit(memory);
  return memory;
}

/** In single-key mode: draws the run's key pair, and says the public key. A repetition says the same. */
export async function makeKey(run: LabelRun, _inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await beginMemory(run, tools);
  if (memory.key !== null) return memory.key;
  const { parameters } = run.training;
  // Whether a key is long enough is for the guards to say, which demonstrations may overrule.
  const { privateKey } = await generateKeyPair({ keyBits: parameters.keyBits, allowShortKey: true });
  const key = await keyText(parameters, run.desk.name, privateKey, run.desk.identity);
  const { p, q } = await primesOf(privateKey);
  await run.store.commit({ ...memory, key, primes: { p: p.toString(16), q: q.toString(16) } });
  return key;
}

/** Draws the label party's X25519 key, where it shares seeds with others, and says its public half. */
export async function labelHalf(run: LabelRun, _inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await beginMemory(run, tools);
  const half = memory.half ?? hexOf(createHalf());
  await run.store.commit({ ...memory, half });
  return halfText(run.training.parameters, run.desk.name, keysOf(half), run.desk.identity);
}

/** In threshold mode: stores the label party's share of the key. */
export async function joinAsHolder(run: LabelRun, inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await recallLabels(run);
  const { key, share } = await receiveShare(run.desk, run.training, memory.half, inputs[0] ?? '', tools);
  await run.store.commit({ ...memory, key, share });
  return readyText(run);
}

/** Says the encrypted labels, which everybody is held to from then on. A repetition says the same. */
export async function sayLabels(run: LabelRun, _inputs: readonly string[], tools: CallTools): Promise<string> {
  const { labels, labelsVersion } = await encryptLabels(run, tools);
  return statement(
    run,
    { about: 'labels' },
    encodeMessage(LabelsOutput, { v: 1, kind: 'labels', labels, labelsVersion }),
  );
}

/** Encrypts E0 of every batch, once; and again where the storage has lost it. */
export async function encryptLabels(run: LabelRun, { blobs, signal }: CallTools): Promise<LabelMemory> {
  const memory = await recallLabels(run);
  // Where residuals are shared, nobody holds a key for them.
  if (run.training.parameters.mode === 'additive' || (await areStored(memory.labels, blobs, signal))) return memory;
  const party = await labelPartyOf(run, memory, signal);
  const labels: string[] = [];
  for (let batch = 0; batch < batchCount(run.training.parameters); batch += 1) {
    labels.push(await vectorText(blobs, labelsRound(party, batch, { signal }), signal));
  }
  const next = { ...memory, labels, labelsVersion: memory.labelsVersion + (memory.labels.length > 0 ? 1 : 0) };
  await run.store.commit(next);
  return next;
}

/** Whether all of these ciphertexts can still be fetched: servers forget what ended long ago. */
async function areStored(texts: readonly string[], blobs: BlobStore, signal: AbortSignal): Promise<boolean> {
  for (const text of texts) {
    const reference = findReference(text)?.data;
    if (reference !== undefined && !(await blobs.has(reference, { signal }))) return false;
  }
  return texts.length > 0;
}

/** The label party as the rounds see it. */
export async function labelPartyOf(run: LabelRun, memory: LabelMemory, signal: AbortSignal): Promise<LabelParty> {
  const { training, base, mean } = run;
  const publicKey = await publicKeyOf(run, memory, signal);
  const privateKey = memory.primes === null ? undefined : await ownKey(run, memory.primes);
  return {
    parameters: training.parameters,
    publicKey: privateKey?.publicKey ?? publicKey,
    base,
    mean,
    ...(privateKey === undefined ? {} : { privateKey }),
  };
}

async function publicKeyOf(run: LabelRun, { key }: LabelMemory, signal: AbortSignal): Promise<PublicKey> {
  const { training, desk } = run;
  if (key === null)
    throw refusal('STALE_CONTEXT', 'key: expected the set-up to be complete, it is not; resume the run');
  return desk.keys.read(desk, training, key, signal);
}

/** Checking primes takes longer than a small round. */
const privateKeys = new WeakMap<LabelRun, Promise<PrivateKey>>();

function ownKey(run: LabelRun, { p, q }: NonNullable<LabelMemory['primes']>): Promise<PrivateKey> {
  const known = privateKeys.get(run);
  if (known !== undefined) return known;
  const key = privateKeyFromPrimes(BigInt(`0x${p}`), BigInt(`0x${q}`), { minimumBits: SHORTEST_KEY_BITS });
  privateKeys.set(run, key);
  return key;
}

/** Keys that only demonstrations accept; their guards say so. */
const SHORTEST_KEY_BITS = 512;

/** Keeps of a run that has ended here only that it has: keys and shares go, results stay. */
export async function forgetSecrets(run: LabelRun): Promise<void> {
  const memory = await recallLabels(run);
  await recordRun(run, 'ended', run.tableDigest, { done: standOf(memory) });
  if (run.training.parameters.mode === 'additive') await forgetKeys(run);
  const { ids: parties, stopped } = memory;
  const heldOutRows = run.labels.heldOut.length;
  writeModel(run, { parties, stopped, heldOutRows, centre: run.mean });
  const secrets = { half: null, pairs: {}, share: null, primes: null, pendingLoss: null };
  await run.store.commit({ ...memory, ...secrets, labels: [], lastOpened: null, openedBefore: null, finished: true });
  privateKeys.delete(run);
}

/** Says again what was opened last and where the encrypted labels lie, for the block that begins. */
export async function resumeLabels(run: LabelRun, iteration: number): Promise<string> {
  const memory = await recallLabels(run);
  const output = encodeMessage(ResumeOutput, {
    v: 1,
    kind: 'resumed',
    key: memory.key ?? '',
    labels: memory.labels,
    labelsVersion: memory.labelsVersion,
    opened: openingBefore(memory, iteration),
  });
  return statement(run, { about: 'resumed', iteration }, output);
}
