import * as z from 'zod';
import { CiphertextVectorText, PaillierPublicKey, TutorialCiphertext } from '../../colony/values.ts';

/** What `get_patient_data` is asked with. */
export const PatientDataRequest = z.object({
  'paillier-pubkey': PaillierPublicKey,
  /** The name of one of the operator's `numbers`, where the hospital does not hold just one. */
  number: z.string().min(1).optional(),
});

/** What `sum_patient_data` is asked with. */
export const PatientDataSumRequest = z.object({ 'paillier-pubkey': PaillierPublicKey });

/** One encrypted integer, in the form of the Python example. */
export const EncryptedNumber = TutorialCiphertext;

const MAXIMUM_SCALE_BITS = 128;
/** Bounds that may be asked for: so far apart that an answer or a refusal tells next to nothing. */
const MAGNITUDES = [15, 18, 21, 24, 27, 30].map((exponent) => `1${'0'.repeat(exponent)}`);
const MOST_PLACES = 4096;

const whole = (minimum: number, maximum: number) =>
  z
    .union([
      z.int(),
      z
        .string()
        .regex(/^[0-9]{1,9}$/, 'expected a whole number')
        .transform(Number),
    ])
    .pipe(z.int().min(minimum).max(maximum));

/**
 * What `get_statistics` and `sum_statistics` are asked with: the same for both, and public. Numbers may be written as
 * text, because some clients carry nothing else.
 */
export const StatisticsRequest = z
  .object({
    'paillier-pubkey': PaillierPublicKey,
    columns: z.array(z.string().min(1)).min(1).max(256),
    /** One of the hospitals' operators' queries; the table itself when left out. */
    query: z.string().min(1).optional(),
    /** Column whose values tell the groups apart. */
    'group-by': z.string().min(1).optional(),
    /** The values of that column that make a group each: a public list, so that every hospital answers alike. */
    groups: z.array(z.string()).min(1).max(1024).optional(),
    'scale-bits': whole(0, MAXIMUM_SCALE_BITS).default(40),
    /**
     * No count, sum or sum of squares of one hospital exceeds this; a hospital that would exceed it refuses. Refusals are
     * public, and free choice would let anybody search for a figure by halving: these few bounds tell at most between which
     * two of them the largest figure of a request lies.
     */
    'max-magnitude': z
      .union([z.int().transform(String), z.string()])
      .refine((magnitude) => MAGNITUDES.includes(magnitude), `expected one of ${MAGNITUDES.join(', ')}`)
      .default('1000000000000000'),
    'max-hospitals': whole(1, 1_000_000).default(1024),
  })
  .superRefine((request, context) => {
    if ((request['group-by'] === undefined) !== (request.groups === undefined)) {
      context.addIssue({ code: 'custom', path: ['groups'], message: 'expected "group-by" and "groups" together' });
    }
    if (new Set(request.columns).size !== request.columns.length) {
      context.addIssue({ code: 'custom', path: ['columns'], message: 'expected every column once' });
    }
    if (new Set(request.groups).size !== (request.groups ?? []).length) {
      context.addIssue({ code: 'custom', path: ['groups'], message: 'expected every group once' });
    }
    if (placesOf(request).length > MOST_PLACES) {
      context.addIssue({
        code: 'custom',
        path: ['columns'],
        message: `expected columns × groups up to ${MOST_PLACES}`,
      });
    }
  });
/** @see {@link StatisticsRequest} */
export type StatisticsRequest = z.output<typeof StatisticsRequest>;

/** The figures of all columns and groups, encrypted in one vector. */
export const EncryptedStatistics = CiphertextVectorText;

/** The figures of one column and group, in the order in which they stand in the vector. */
export const FIGURES = ['count', 'sum', 'sumOfSquares'] as const;

/** One place of the vector: the figures of a column in a group (undefined: all rows). */
export interface Place {
  readonly column: string;
  readonly group: string | undefined;
}

/** The places of the vector in order: columns outside, groups inside. */
export function placesOf(request: Pick<StatisticsRequest, 'columns' | 'groups'>): readonly Place[] {
  const groups = request.groups ?? [undefined];
  return request.columns.flatMap((column) => groups.map((group) => ({ column, group })));
}

/** How many numbers the vector of a request carries. */
export function valueCount(request: StatisticsRequest): number {
  return placesOf(request).length * FIGURES.length;
}
