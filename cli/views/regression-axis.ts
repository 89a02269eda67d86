/** Axes of a drawn curve: where values stand, and at which round numbers an axis is marked. */

/** An axis of finite numbers. */
export interface Axis {
  readonly scale: 'linear' | 'logarithmic';
  /** Round numbers in ascending order; the first and the last are the ends of the axis. At most seven. */
  readonly ticks: readonly number[];
  /** Where a number stands: 0 at the lower end of the axis, 1 at the upper. */
  readonly place: (value: number) => number;
}

/** Intervals between ticks that an axis has room for. */
const MOST_INTERVALS = 5;
/** Largest over smallest number from which on an axis is logarithmic: two orders of magnitude. */
const WIDE = 100;
/** Numbers that differ by less than this share of the larger one are one number to the eye. */
const FLAT = 1e-9;
/** What is smaller is drawn as 0: doubles lose their digits soon after. */
const TINY = 1e-300;

/**
 * The axis of some numbers: logarithmic when all are positive and they span more than two orders of magnitude.
 *
 * @returns undefined when none of the numbers is finite
 */
export function axisOf(values: readonly number[]): Axis | undefined {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return undefined;
  const low = finite.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = finite.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return low > TINY && high / low > WIDE ? logarithmicAxis(low, high) : linearAxis(low, high);
}

function linearAxis(low: number, high: number): Axis {
  // A curve that is flat lies in the middle of its axis.
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const isFlat = high - low <= FLAT * largest || largest < TINY;
  const margin = isFlat ? (largest < TINY ? 1 : largest / 10) : 0;
  const { step, decimals } = roundStep((high - low + 2 * margin) / MOST_INTERVALS);
  const [first, last] = [Math.floor((low - margin) / step), Math.ceil((high + margin) / step)];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => rounded((first + index) * step, decimals));
  return between('linear', ticks, (value) => value);
}

/** One tick for each power of ten, or for each second, third … of them. */
function logarithmicAxis(low: number, high: number): Axis {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = Math.ceil((last - first) / MOST_INTERVALS);
  const count = Math.ceil((last - first) / stride) + 1;
  const ticks = Array.from({ length: count }, (_, index) => Number(`1e${first + index * stride}`));
  return between('logarithmic', ticks, Math.log10);
}

function between(scale: Axis['scale'], ticks: readonly number[], measure: (value: number) => number): Axis {
  const [from, to] = [measure(ticks[0] ?? 0), measure(ticks.at(-1) ?? 1)];
  return { scale, ticks, place: (value) => (measure(value) - from) / (to - from) };
}

/** The ticks of an axis that counts: round numbers up to a number, from 0. */
export function countingTicks(last: number): number[] {
  const { step } = roundStep(Math.max(1, last / MOST_INTERVALS));
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, index) => index * step);
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `least`, and the decimals that its multiples have. */
function roundStep(least: number): { step: number; decimals: number } {
  const power = Math.floor(Math.log10(least));
  const digit = [1, 2, 5].find((candidate) => Number(`${candidate}e${power}`) >= least) ?? 10;
  return { step: Number(`${digit}e${power}`), decimals: Math.max(0, -power) };
}

/** Takes out what multiplying by a step that is no binary number added. */
function rounded(value: number, decimals: number): number {
  return decimals > MOST_DECIMALS ? Number(value.toPrecision(12)) : Number(value.toFixed(decimals));
}

/** As many as `toFixed` takes. */
const MOST_DECIMALS = 100;
