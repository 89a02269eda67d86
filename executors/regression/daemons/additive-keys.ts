import { rm } from 'node:fs/promises';
import type { PrivateKey } from 'paillier-bigint';
import * as z from 'zod';
import { privateKeyFromPrimes } from '../../../crypto/paillier/index.ts';
import type { PairSeeds } from '../additive/pads.ts';
import { partiesOf } from '../parameters.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { FileRunStore } from '../run-store.ts';
import type { Training } from '../training.ts';
import { type Desk, filesOf } from './desk.ts';

/** What parties of a run in mode `additive` keep beside their state: keys, secret seeds, and which rows they have. */

const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);

const AdditiveKeys = z.strictObject({
  /** A feature party's own: the primes of its key, the seed of its pads, and the texts that it shared. */
  own: z
    .strictObject({ p: z.string(), q: z.string(), padSeed: Hex, key: z.string(), rows: z.string().nullable() })
    .nullable(),
  /** Every feature party's key as it was signed. */
  keys: z.record(z.string(), z.string()),
  /** SHA-256 of the text that each other party's rows came with, once they are checked and kept. */
  kept: z.record(z.string(), z.string()),
});
/** @see {@link AdditiveKeys} */
export type AdditiveKeys = z.output<typeof AdditiveKeys>;

/** The store of these keys. */
export function keyStoreOf(desk: Desk, parameters: RunParameters): FileRunStore<AdditiveKeys> {
  const path = filesOf(desk, parameters).pathOf('keys.json');
  return new FileRunStore(path, parameters, desk.name, AdditiveKeys);
}

/** What is kept so far; nothing before the set-up. */
export async function recallKeys(store: FileRunStore<AdditiveKeys>): Promise<AdditiveKeys> {
  return (await store.load()) ?? { own: null, keys: {}, kept: {} };
}

/** A run as its own party opened it. */
export interface OpenRun {
  readonly desk: Desk;
  readonly training: Training;
}

/** Keys of runs that are worked on: checking primes, and reading keys, takes longer than a small round. */
const opened = new WeakMap<OpenRun, Promise<AdditiveKeys>>();
const privateKeys = new WeakMap<OpenRun, Promise<PrivateKey>>();

/** Keys that only demonstrations accept; their guards say so. */
const SHORTEST_KEY_BITS = 512;

/** The keys of a run whose set-up is complete. @throws TerminalError `STALE_CONTEXT` */
export async function keysOfRun(run: OpenRun): Promise<AdditiveKeys> {
  const { parameters } = run.training;
  const known = opened.get(run);
  if (known !== undefined) return known;
  const keys = await recallKeys(keyStoreOf(run.desk, parameters));
  if (parameters.features.some(({ name }) => keys.keys[name] === undefined)) {
    throw refusal(
      'STALE_CONTEXT',
      `run ${parameters.run}: expected the set-up to be complete, it is not; resume the run or submit it anew`,
    );
  }
  opened.set(run, Promise.resolve(keys));
  return keys;
}

/** Seeds that a party shares with each other, from how it keeps them. @throws TerminalError `STALE_CONTEXT` before the set-up */
export function pairSeedsOf(
  parameters: RunParameters,
  party: string,
  pairs: Readonly<Record<string, string>>,
): PairSeeds {
  const names = partiesOf(parameters);
  const seeds = names.map((name) => {
    if (name === party) return undefined;
    const seed = pairs[name];
    if (seed !== undefined) return Buffer.from(seed, 'hex');
    throw refusal('STALE_CONTEXT', `pads: expected a seed shared with ${name}, got none; resume the run`);
  });
  return { place: names.indexOf(party), pairs: seeds };
}

/** A feature party's private key. */
export function privateKeyOf(run: OpenRun, { p, q }: NonNullable<AdditiveKeys['own']>): Promise<PrivateKey> {
  const known = privateKeys.get(run);
  if (known !== undefined) return known;
  const key = privateKeyFromPrimes(BigInt(`0x${p}`), BigInt(`0x${q}`), { minimumBits: SHORTEST_KEY_BITS });
  privateKeys.set(run, key);
  return key;
}

/** Forgets keys, seeds and other parties' rows of a run that has ended here. */
export async function forgetKeys(run: OpenRun): Promise<void> {
  const { parameters } = run.training;
  const files = filesOf(run.desk, parameters);
  for (const { name } of parameters.features) await rm(files.pathOf(rowsFileOf(name)), { force: true });
  await keyStoreOf(run.desk, parameters).forget();
  opened.delete(run);
  privateKeys.delete(run);
}

/** The file of a party's encrypted rows, in the directory of a run. */
export function rowsFileOf(owner: string): string {
  return `rows-${owner}.bin`;
}
