import * as z from 'zod';
import type { BlobStore } from '../../colony/blobs.ts';
import { openVector, storeVector, VectorDocument } from '../../colony/vector-text.ts';
import {
  decodeMessage,
  encodeMessage,
  joinMessage,
  OpeningMessage,
  PartialMessage,
  ProgressMessage,
  StatementMessage,
} from './messages.ts';
import type { CiphertextMessage } from './messages.ts';
import { refusal } from './refusal.ts';

/**
 * What the processes of a training end with: one text each. Where a round has several messages, or carries on what an
 * earlier workflow ended with, they stand in one of the objects below.
 */

/** Why a training ends before its last iteration. */
export const STOP_REASONS = ['converged', 'diverged'] as const;

/** Passed on by every function of a block, so that nothing more is computed. */
export const Stopped = z.strictObject({
  v: z.literal(1),
  kind: z.literal('stopped'),
  reason: z.enum(STOP_REASONS),
  /** How many iterations were done. */
  iteration: z.int().min(0),
});
/** @see {@link Stopped} */
export type Stopped = z.output<typeof Stopped>;

/** A feature party's masked gradient, and what it says of the step before. */
export const GradientOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('gradient'),
  /** Of the step before; null in the first iteration. */
  progress: ProgressMessage.nullable(),
  /** This party's part of the loss before that step: a vector's text. */
  loss: z.string().nullable(),
  /** In threshold mode, this party's part in opening the loss before the step before that one. */
  lossPartial: PartialMessage.nullable(),
  gradient: z.string(),
});
/** @see {@link GradientOutput} */
export type GradientOutput = z.output<typeof GradientOutput>;

const turn = { iteration: z.int().min(0), attempt: z.int().min(0) };

/** What one opener gives: decrypted residues (single key), or its parts of their decryption (threshold). */
export const OpenOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('opened'),
  ...turn,
  openings: z.array(OpeningMessage),
  partials: z.array(PartialMessage),
  /** In mode `additive`: texts of the gradients' sums, one for each feature party in their order. */
  sums: z.array(z.string()).optional(),
});
/** @see {@link OpenOutput} */
export type OpenOutput = z.output<typeof OpenOutput>;

/** The label party's E0, which all others hold it to. */
export const LabelsOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('labels'),
  /** Texts of E0, one for each batch. */
  labels: z.array(z.string()),
  /** How often it had encrypted its labels before. */
  labelsVersion: z.int().min(0),
});
/** @see {@link LabelsOutput} */
export type LabelsOutput = z.output<typeof LabelsOutput>;

/** Labels and predictions, added; and which labels these were. */
export const AggregateOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('aggregate'),
  /** SHA-256 of the text of E0 that was added; null where none is. */
  labels: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  sum: z.string(),
});

/** What a block begins with: what the block before has opened, and the label party's labels. */
export const ResumeOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('resumed'),
  /** The run's public key as it was signed. */
  key: z.string(),
  /** Texts of E0, one for each batch; none from others than the label party. */
  labels: z.array(z.string()),
  /** How often the label party had encrypted its labels before. */
  labelsVersion: z.int().min(0),
  /** In mode `additive`: every feature party's key as it was signed. */
  keys: z.array(z.string()).optional(),
  opened: OpenOutput.nullable(),
});
/** @see {@link ResumeOutput} */
export type ResumeOutput = z.output<typeof ResumeOutput>;

/** The end of a feature party's training. */
export const FinishOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('finished'),
  progress: ProgressMessage.nullable(),
  loss: z.string().nullable(),
  lossPartial: PartialMessage.nullable(),
});
/** @see {@link FinishOutput} */
export type FinishOutput = z.output<typeof FinishOutput>;

/** Several vectors of one round: their texts. */
export const VectorsOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('vectors'),
  vectors: z.array(z.string()),
});

/** The group seed, sealed for each feature party but the first, in their order. */
export const SeedsOutput = z.strictObject({ v: z.literal(1), kind: z.literal('seeds'), seeds: z.array(z.string()) });

/** What a dealer gives: the signed key, its own signed half, and a sealed share for every party in their order. */
export const DealOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('dealt'),
  key: z.string(),
  half: z.string(),
  shares: z.array(z.string()),
});

/** In mode `additive`: a feature party's key as it was signed, and its encrypted rows. */
export const RowsOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('rows'),
  key: z.string(),
  rows: z.string(),
});
/** @see {@link RowsOutput} */
export type RowsOutput = z.output<typeof RowsOutput>;

/** In mode `additive`: a feature party's predictions under its pads, and what it says of the step before. */
export const MaskedOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('masked-predictions'),
  /** Of the step before; null in the first iteration. */
  progress: ProgressMessage.nullable(),
  /** This party's part of the loss before that step: text of masked integers. */
  loss: z.string().nullable(),
  forward: z.string(),
});
/** @see {@link MaskedOutput} */
export type MaskedOutput = z.output<typeof MaskedOutput>;

/** Where a holder of a share stands: the first iteration that it has not opened. */
export const StandOutput = z.strictObject({
  v: z.literal(1),
  kind: z.literal('stand'),
  party: z.string(),
  iteration: z.int().min(0),
});

/** A party is ready. */
export const ReadyOutput = z.strictObject({ v: z.literal(1), kind: z.literal('ready'), party: z.string() });

/** The statement that a text is; undefined for any other text. @throws TerminalError `BAD_MESSAGE` for a broken one */
export function findStatement(text: string): StatementMessage | undefined {
  return text.startsWith('{"v":1,"kind":"statement"') ? decodeMessage(StatementMessage, text) : undefined;
}

/** Whether a text is the marker that everything has stopped. */
export function isStop(text: string): boolean {
  return text.startsWith('{"v":1,"kind":"stopped"');
}

/** The marker in what processes ended with, for those who only look on: signatures are not checked. */
export function readStop(outputs: readonly string[]): Stopped | undefined {
  for (const output of outputs) {
    const { text = '' } = findStatement(output) ?? {};
    if (isStop(text)) return decodeMessage(Stopped, text);
  }
  return undefined;
}

/** The text of a marker. */
export function stopText(reason: Stopped['reason'], iteration: number): string {
  return encodeMessage(Stopped, { v: 1, kind: 'stopped', reason, iteration });
}

/** Whether feature parties say that a run should end: all have converged, or one diverges. */
export function stopReason(outputs: readonly Pick<GradientOutput, 'progress'>[]): Stopped['reason'] | undefined {
  const progress = outputs.map((output) => output.progress);
  if (progress.some((said) => said?.diverged === true)) return 'diverged';
  return progress.length > 0 && progress.every((said) => said?.converged === true) ? 'converged' : undefined;
}

/**
 * Makes the text of ciphertexts: they stand in it when they are few, in a blob when they are many.
 *
 * @throws ColonyError when the storage refuses
 */
export async function vectorText(
  blobs: BlobStore,
  { header, chunks }: CiphertextMessage,
  signal: AbortSignal,
): Promise<string> {
  const document = await storeVector(blobs, header, piecesOf(chunks), { signal });
  return z.encode(VectorDocument, document);
}

async function* piecesOf(chunks: CiphertextMessage['chunks']): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/**
 * Opens ciphertexts; their bytes are fetched as they are read.
 *
 * @throws TerminalError `BAD_MESSAGE`
 */
export function openCiphertexts(blobs: BlobStore, text: string, signal: AbortSignal): CiphertextMessage {
  const document = z.safeDecode(VectorDocument, text);
  if (!document.success) {
    const [issue] = document.error.issues;
    throw refusal('BAD_MESSAGE', `vector: ${issue?.message ?? 'expected a ctvec'}`);
  }
  return joinMessage(document.data.header, openVector(blobs, document.data, { signal }));
}
