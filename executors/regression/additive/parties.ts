import type { PrivateKey, PublicKey } from 'paillier-bigint';
import type { ByteChunks } from '../messages.ts';
import type { RunParameters } from '../parameters.ts';
import type { FeatureParty } from '../parties.ts';
import type { PairSeeds } from './pads.ts';

/** What the parties of a run in mode `additive` hold. Their states are those of the other modes. */

/** A feature party's view: its public key is its own; columns, key and seeds are secret. */
export interface AdditiveParty extends FeatureParty {
  readonly privateKey: PrivateKey;
  /** 32 bytes from which this party's own pads come; nobody else knows them. */
  readonly padSeed: Uint8Array;
  /** Seeds shared with each other party, for pads that sum to zero. */
  readonly pairSeeds: PairSeeds;
}

/** The label party's view: its prepared labels. */
export interface AdditiveLabelParty {
  readonly parameters: RunParameters;
  /** E0 in plain: −(y − mean) for a linear model, 1/2 − y for a logistic one; one for each aligned row. */
  readonly base: Float64Array;
  /** What was subtracted from the labels; added to predictions. */
  readonly mean: number;
  /** Seeds shared with each feature party: without the label party's pads nobody can add up what it alone may learn. */
  readonly pairSeeds: PairSeeds;
}

/** A feature party's encrypted rows as another party keeps them: checked once, read in every iteration. */
export interface EncryptedRows {
  readonly owner: string;
  readonly publicKey: PublicKey;
  /** SHA-256 of what the owner has said: who keeps other rows than the other holders has other pads. */
  readonly digest: string;
  /** The bytes of the split ciphertexts from `from` up to, not including, `to`. */
  read(from: number, to: number): ByteChunks;
}
