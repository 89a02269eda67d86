import * as z from 'zod';

/** What parties send each other before predictions for new rows. Each message travels with its party's signature. */

const Context = z.string().max(512);
const Hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 32 bytes in hexadecimal digits');

/** A party takes part: how many new rows it has, and the public half of its X25519 key of this prediction. */
export const OfferMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('offer'),
  context: Context,
  /** Null of a label party whose rows meet by position and that has no table of them. */
  rows: z.int().min(1).max(65_536).nullable(),
  half: Hex32,
});
/** @see {@link OfferMessage} */
export type OfferMessage = z.output<typeof OfferMessage>;

/** A party shows each other one that it means the same rows: a code under their pair's seed, which tells others nothing. */
export const ConfirmationMessage = z.strictObject({
  v: z.literal(1),
  kind: z.literal('confirmation'),
  context: Context,
  /** For each other party, by its name. */
  codes: z.record(z.string().max(64), Hex32),
});
/** @see {@link ConfirmationMessage} */
export type ConfirmationMessage = z.output<typeof ConfirmationMessage>;
