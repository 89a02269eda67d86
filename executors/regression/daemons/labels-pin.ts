import { createHash } from 'node:crypto';
import { batchIndexOf } from '../batches.ts';
import { decodeMessage } from '../messages.ts';
import { LabelsOutput } from '../outputs.ts';
import { refusal } from '../refusal.ts';
import type { CallTools } from './desk.ts';
import type { FeatureRun } from './feature-run.ts';
import type { FeatureMemory, LabelsPin } from './memory.ts';
import { openStatement } from './statements.ts';

/**
 * Encrypted labels travel in the set-up once, signed by the label party; from then on every feature party holds everybody to
 * their digests. Only the label party can replace them, and says so, under the next version: it does when the storage has
 * forgotten them.
 */

/** Labels as the label party says them. */
type SaidLabels = Pick<LabelsOutput, 'labels' | 'labelsVersion'>;

/** The digest of the encrypted labels of a batch. @param text which names the ciphertexts' bytes, or holds them */
export function digestOfLabels(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The labels of the set-up. */
export async function firstLabels(run: FeatureRun, input: string, { signal }: CallTools): Promise<LabelsPin> {
  const party = run.training.parameters.label;
  const { text } = await openStatement(run, input, { about: 'labels', party, iteration: 0, attempt: 0 }, signal);
  return pinOf(decodeMessage(LabelsOutput, text));
}

function pinOf({ labels, labelsVersion }: SaidLabels): LabelsPin {
  return { version: labelsVersion, digests: labels.map(digestOfLabels) };
}

/**
 * Compares what a block begins with to the labels of the set-up.
 *
 * @returns what is to be held on to from now on
 * @throws TerminalError `STALE_CONTEXT` for labels that were replaced, `DATA_CHANGED` for others of the same version
 */
export function labelsAfter(
  { training }: FeatureRun,
  { labels: known }: Pick<FeatureMemory, 'labels'>,
  said: SaidLabels,
  log: CallTools['log'],
): LabelsPin {
  const pin = pinOf(said);
  if (known === null) throw notJoined();
  if (pin.version < known.version) {
    throw refusal(
      'STALE_CONTEXT',
      `labels: expected those of version ${known.version}, got those of version ${pin.version}; they were replaced`,
    );
  }
  if (pin.version > known.version) {
    const { run, label } = training.parameters;
    log.warn({ run, label, version: pin.version }, 'the label party has encrypted its labels again');
    return pin;
  }
  if (JSON.stringify(pin.digests) === JSON.stringify(known.digests)) return known;
  throw otherLabels();
}

/**
 * Compares the labels that went into residuals to those of the set-up.
 *
 * @param digest of the labels of this iteration's batch
 * @throws TerminalError `DATA_CHANGED`
 */
export function requireLabels(
  { training }: FeatureRun,
  { labels }: Pick<FeatureMemory, 'labels'>,
  iteration: number,
  digest: string | null,
): void {
  if (labels === null) throw notJoined();
  if (digest !== null && labels.digests[batchIndexOf(training.parameters, iteration)] === digest) return;
  throw otherLabels();
}

function notJoined(): Error {
  return refusal('STALE_CONTEXT', 'labels: expected those of the set-up, got none; submit the run anew');
}

function otherLabels(): Error {
  return refusal(
    'DATA_CHANGED',
    'labels: expected the encrypted labels that the label party has signed, got others; they were swapped on the way',
  );
}
