import * as z from 'zod';
import { STOP_REASONS } from '../outputs.ts';
import { FeatureState, LabelState } from '../parties.ts';

/** What parties remember of a run between processes and restarts. Plain JSON, secret. */

const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const Turn = z.strictObject({ iteration: z.int().min(0), attempt: z.int().min(0) });

/** What a party has opened: in threshold mode every party opens. */
const openings = {
  openState: LabelState,
  /** Text of what it gave last, with which the next block begins; and of what it gave in the iteration before. */
  lastOpened: z.string().nullable(),
  openedBefore: z.string().nullable(),
};

/** In threshold mode: what comes from the dealer. */
const share = {
  /** Text of the key share, unsealed. */
  share: z.string().nullable(),
};

/** The label party's E0 that everybody holds it to: SHA-256 of the texts of all batches, and how often it had encrypted before. */
const LabelsPin = z.strictObject({ version: z.int().min(0), digests: z.array(z.string()) });
/** @see {@link LabelsPin} */
export type LabelsPin = z.output<typeof LabelsPin>;

const common = {
  /** Digest of the training that the run began with. */
  training: z.string(),
  /** The X25519 key of this run. */
  half: z.strictObject({ privateHalf: Hex, publicHalf: Hex }).nullable(),
  /** Seeds shared with other parties, by party. */
  pairs: z.record(z.string(), Hex),
  /** The run's public key as it was signed; null until the party has joined. */
  key: z.string().nullable(),
  /** The parties' Colonies ids when the run began, by party: predictions are for the same ones. */
  ids: z.record(z.string(), z.string()),
  /** Tells whether the table has changed since the run began. */
  tableDigest: z.string(),
  /** Whether the run has ended here: its secrets are forgotten. */
  finished: z.boolean(),
};

/** A feature party's memory of a run. */
export const FeatureMemory = z.strictObject({
  ...common,
  ...share,
  ...openings,
  group: Hex.nullable(),
  /** Null before this party has joined, and in mode `additive`. */
  labels: LabelsPin.nullable(),
  feature: FeatureState,
  /** The turn of the last step. */
  lastTurn: Turn.nullable(),
  /** In threshold mode, text of its part in opening the last sum of losses. */
  lossPartial: z.string().nullable(),
  /** Length of thetas.log after the last step. */
  logBytes: z.int().min(0),
});
/** @see {@link FeatureMemory} */
export type FeatureMemory = z.output<typeof FeatureMemory>;

/** The label party's memory of a run. */
export const LabelMemory = z.strictObject({
  ...common,
  ...share,
  ...openings,
  /** The primes of the private key; in single-key mode only. */
  primes: z.strictObject({ p: z.string(), q: z.string() }).nullable(),
  /** Texts of E0, one for each batch. */
  labels: z.array(z.string()),
  /** How often they had been encrypted before. */
  labelsVersion: z.int().min(0),
  /** In threshold mode, the sum of losses that waits for everybody's parts, and its turn. */
  pendingLoss: z.strictObject({ ...Turn.shape, sum: z.string() }).nullable(),
  /** Length of the loss curve's file. */
  logBytes: z.int().min(0),
  /** Workflows that were submitted, by what they are for. */
  submitted: z.record(z.string(), z.string()),
  /** Whether the set-up is complete. */
  begun: z.boolean(),
  stopped: z.enum(STOP_REASONS).nullable(),
});
/** @see {@link LabelMemory} */
export type LabelMemory = z.output<typeof LabelMemory>;
