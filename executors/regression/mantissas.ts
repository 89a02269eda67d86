import { refusal } from './refusal.ts';

/** Columns in fixed point: every number x as round(x·2^f), half to even, exact in a double. */

/** Doubles are whole numbers from here on: nothing is left to round. */
const WHOLE = 2 ** 52;

/**
 * The mantissas of a column: x·2^scaleBits rounded half to even. Scaling by a power of two is exact, so each is the
 * integer that exact arithmetic gives.
 *
 * @param values finite numbers; may be scaled to up to 2^53 in magnitude
 */
export function toMantissas(values: Float64Array, scaleBits: number): Float64Array {
  const scale = 2 ** scaleBits;
  return values.map((value) => roundHalfToEven(value * scale));
}

function roundHalfToEven(value: number): number {
  if (Math.abs(value) >= WHOLE) return value;
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Refuses values that are not below 2^boundBits in magnitude: what is planned for them could overflow otherwise.
 *
 * @param share what a value must be multiplied by before it is compared, such as the number of parties that add theirs
 * @throws TerminalError `NOT_FINITE` or `MAGNITUDE_EXCEEDED`, naming the column but no value and no row
 */
export function requireBounded(values: Float64Array, boundBits: number, label: string, share = 1): void {
  const bound = 2 ** boundBits / share;
  let bounded = true;
  for (const value of values) {
    if (!Number.isFinite(value)) {
      throw refusal('NOT_FINITE', `${label}: expected finite numbers, got another value; remove or impute such rows`);
    }
    bounded &&= Math.abs(value) < bound;
  }
  if (bounded) return;
  throw refusal(
    'MAGNITUDE_EXCEEDED',
    `${label}: expected magnitudes below 2^${boundBits}${share === 1 ? '' : ` / ${share}`}, got a larger one; scale the ` +
      'column, choose a smaller alpha, or raise the bound in the parameters of the run',
  );
}
