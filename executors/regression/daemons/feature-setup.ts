import { drawGroupSeed, createHalf, halfText, pairSeed, readHalf, sealFor, unseal } from '../agreement.ts';
import type { HalfKeys, OtherHalf } from '../agreement.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { DealOutput, ReadyOutput, SeedsOutput } from '../outputs.ts';
import { INITIAL_LABEL_STATE, initialFeatureState } from '../parties.ts';
import { readKey } from '../agreement.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { encodeShare, readShare } from '../shares.ts';
import { type Training, trainingDigest } from '../training.ts';
import { AUDIT_FILE, recordRun } from './audit.ts';
import type { OpenRun } from './additive-keys.ts';
import { type CallTools, type Desk, keyMakerOf, requireFreshName, sharersOf } from './desk.ts';
import { type FeatureRun, recall } from './feature-run.ts';
import { firstLabels } from './labels-pin.ts';
import type { FeatureMemory } from './memory.ts';
import { idOf, lookUpIds } from './party-ids.ts';
import { statement } from './statements.ts';

/** The set-up as a feature party sees it: halves, seeds, key, share. */

/** Draws this party's X25519 key of the run, and says its public half. A repetition says the same. */
export async function halfOf(run: FeatureRun, _inputs: readonly string[], { log, signal }: CallTools): Promise<string> {
  const { desk, training, store } = run;
  const isNew = (await store.load()) === undefined;
  if (isNew) {
    requireFreshName(desk, training.parameters);
    await recordRun(run, 'begun', run.tableDigest);
    const { run: name, mode, guards, iterations } = training.parameters;
    log.info({ run: name, mode, guards, iterations, audit: AUDIT_FILE }, "a run begins with this party's rows");
  }
  const memory = isNew ? await firstMemory(run, signal) : await recall(run);
  await store.commit(memory);
  return halfText(training.parameters, desk.name, ownHalf(desk, memory.half), desk.identity);
}

async function firstMemory(
  { desk, training, tableDigest, prepared }: FeatureRun,
  signal: AbortSignal,
): Promise<FeatureMemory> {
  return {
    training: trainingDigest(training),
    half: hexOf(createHalf()),
    key: null,
    ids: await lookUpIds(desk, training.parameters, signal),
    tableDigest,
    share: null,
    openState: INITIAL_LABEL_STATE,
    lastOpened: null,
    openedBefore: null,
    finished: false,
    group: null,
    labels: null,
    pairs: {},
    feature: initialFeatureState(prepared.columns.length),
    lastTurn: null,
    lossPartial: null,
    logBytes: 0,
  };
}

/** The first feature party draws the group seed and seals it for each of the others. */
export async function seedsOf(run: FeatureRun, halves: readonly string[], tools: CallTools): Promise<string> {
  const memory = await recall(run);
  const { parameters } = run.training;
  const pairs = await pairsOf(run.desk, run.training, memory.half, halves, tools);
  const group = memory.group === null ? drawGroupSeed() : Buffer.from(memory.group, 'hex');
  await run.store.commit({ ...memory, group: Buffer.from(group).toString('hex') });
  const seeds = parameters.features.slice(1).map(({ name }) => {
    return sealFor(parameters, 'seed', run.desk.name, { party: name, seed: seedOf(pairs, name) }, group);
  });
  return encodeMessage(SeedsOutput, { v: 1, kind: 'seeds', seeds });
}

/**
 * Stores what this party needs for the rounds.
 *
 * @param inputs key, halves of all sharers, in single-key mode the seeds, and the label party's labels
 */
export async function join(run: FeatureRun, inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await recall(run);
  const { desk, training } = run;
  if (memory.feature.iteration > 0 || memory.feature.pending !== null) {
    throw refusal('STALE_CONTEXT', 'join: expected a run that has not begun, got one that has; resume it');
  }
  const [keyInput = '', ...rest] = inputs.slice(0, -1);
  const halves = rest.slice(0, sharersOf(training).length);
  const pairs = await pairsOf(desk, training, memory.half, halves, tools);
  const received =
    training.parameters.mode === 'threshold'
      ? await receiveShare(desk, training, memory.half, keyInput, tools)
      : {
          key: await checkedKey(desk, training, keyInput, tools),
          share: null,
          group: groupOf(training.parameters, desk.name, memory, pairs, rest.at(-1) ?? ''),
        };
  const labels = await firstLabels(run, inputs.at(-1) ?? '', tools);
  await run.store.commit({ ...memory, ...received, labels, pairs: textsOf(pairs) });
  return readyText(run);
}

/** This party's word that it is ready. */
export function readyText(run: OpenRun): string {
  return statement(run, { about: 'ready' }, encodeMessage(ReadyOutput, { v: 1, kind: 'ready', party: run.desk.name }));
}

async function checkedKey(desk: Desk, training: Training, text: string, { signal }: CallTools): Promise<string> {
  const maker = keyMakerOf(training);
  await readKey(training.parameters, maker, text, await idOf({ desk, training }, maker, signal));
  return text;
}

/** Opens what a dealer sealed for this party. */
export async function receiveShare(
  desk: Desk,
  training: Training,
  half: FeatureMemory['half'],
  text: string,
  { signal }: CallTools,
): Promise<{ key: string; share: string; group: null }> {
  const { parameters } = training;
  const dealer = keyMakerOf(training);
  const dealerId = await idOf({ desk, training }, dealer, signal);
  const dealt = decodeMessage(DealOutput, text);
  const publicKey = await readKey(parameters, dealer, dealt.key, dealerId);
  const seed = pairSeed(parameters, ownHalf(desk, half), readHalf(parameters, dealer, dealt.half, dealerId));
  const position = sharersOf(training).indexOf(desk.name);
  const share = readShare({ parameters, publicKey }, { party: dealer, seed }, desk.name, dealt.shares[position] ?? '');
  return { key: dealt.key, share: encodeShare(share), group: null };
}

function groupOf(
  parameters: RunParameters,
  party: string,
  memory: FeatureMemory,
  pairs: ReadonlyMap<string, Uint8Array>,
  text: string,
): string {
  const [first] = parameters.features;
  if (first?.name === party) {
    if (memory.group !== null) return memory.group;
    throw refusal(
      'STALE_CONTEXT',
      'join: expected this party to have drawn the group seed, it has not; submit the run anew',
    );
  }
  const { seeds } = decodeMessage(SeedsOutput, text);
  const position = parameters.features.findIndex(({ name }) => name === party) - 1;
  const sender = { party: first?.name ?? '', seed: seedOf(pairs, first?.name ?? '') };
  return Buffer.from(unseal(parameters, 'seed', sender, party, seeds[position] ?? '')).toString('hex');
}

/** Seeds shared with each other party, as they are kept. @param halves of all sharers in their order */
export async function pairTextsOf(...of: Parameters<typeof pairsOf>): Promise<Record<string, string>> {
  return textsOf(await pairsOf(...of));
}

function textsOf(pairs: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries([...pairs].map(([party, seed]) => [party, Buffer.from(seed).toString('hex')]));
}

/** Seeds shared with each other party, from the halves of all sharers in their order. */
async function pairsOf(
  desk: Desk,
  training: Training,
  half: FeatureMemory['half'],
  halves: readonly string[],
  { signal }: CallTools,
): Promise<Map<string, Uint8Array>> {
  const { parameters } = training;
  const own = ownHalf(desk, half);
  const pairs = new Map<string, Uint8Array>();
  for (const [index, party] of sharersOf(training).entries()) {
    if (party === desk.name) continue;
    const other: OtherHalf = readHalf(
      parameters,
      party,
      halves[index] ?? '',
      await idOf({ desk, training }, party, signal),
    );
    pairs.set(party, pairSeed(parameters, own, other));
  }
  return pairs;
}

function ownHalf(desk: Desk, half: FeatureMemory['half']): OtherHalf & HalfKeys {
  if (half === null)
    throw refusal(
      'STALE_CONTEXT',
      'set-up: expected this party to have drawn its half, it has not; submit the run anew',
    );
  return { party: desk.name, ...keysOf(half) };
}

/** Keys as they are kept. */
export function hexOf({ privateHalf, publicHalf }: HalfKeys): NonNullable<FeatureMemory['half']> {
  return { privateHalf: Buffer.from(privateHalf).toString('hex'), publicHalf: Buffer.from(publicHalf).toString('hex') };
}

/** Keys as they are used. */
export function keysOf({ privateHalf, publicHalf }: NonNullable<FeatureMemory['half']>): HalfKeys {
  return { privateHalf: Buffer.from(privateHalf, 'hex'), publicHalf: Buffer.from(publicHalf, 'hex') };
}

function seedOf(pairs: ReadonlyMap<string, Uint8Array>, party: string): Uint8Array {
  const seed = pairs.get(party);
  if (seed === undefined) throw refusal('WRONG_PARTY', `seeds: expected one shared with ${party}, got none`);
  return seed;
}
