/**
 * Multi-exponentiation with buckets (Pippenger, "On the evaluation of powers and related problems", FOCS 1976):
 * Π bᵢ^eᵢ, window by window. For one window of the exponents every base is multiplied into the bucket of its digit; then
 * Π_d bucket[d]^d takes two multiplications per bucket. Eight windows go side by side, one per lane, and where there
 * are fewer, several lanes share a window and split the terms.
 *
 * The memory accesses depend on the exponents: this is for public exponents.
 */

import { type Kernel, MOST_VECTORS } from './kernel.ts';

const LANES = 2 * MOST_VECTORS;
const MOST_WINDOW_BITS = 9;

interface Scalars {
  readonly count: number;
  readonly exponents: Uint8Array;
  readonly exponentBytes: number;
}

interface Addresses {
  /** The pair 1 in Montgomery form. */
  readonly one: number;
  /** The group whose first lane receives the result, in Montgomery form. */
  readonly result: number;
  /** The group in which `loadTerms` leaves eight bases in Montgomery form. */
  readonly terms: number;
}

/** How windows and terms are laid over the lanes. */
interface Plan {
  readonly windowBits: number;
  readonly windows: number;
  /** Windows side by side; each has `slices` lanes, which take turns with the terms. */
  readonly windowsAtOnce: number;
  readonly slices: number;
}

function planFor(count: number, exponentBits: number): Plan {
  let best: Plan | undefined;
  let bestCost = Infinity;
  for (let windowBits = 1; windowBits <= MOST_WINDOW_BITS; windowBits += 1) {
    const windows = Math.ceil(exponentBits / windowBits);
    const windowsAtOnce = Math.min(windows, LANES);
    const slices = 2 ** Math.floor(Math.log2(LANES / windowsAtOnce));
    const cost = Math.ceil(windows / windowsAtOnce) * (Math.ceil(count / slices) + 2 ** (windowBits + 1));
    if (cost < bestCost) {
      best = { windowBits, windows, windowsAtOnce, slices };
      bestCost = cost;
    }
  }
  if (!best) throw new RangeError('multiExponentiate: expected at least one exponent bit');
  return best;
}

/** The `width` bits from `bit` on of the big-endian number at bytes[offset], `length` bytes long. */
function digitAt(bytes: Uint8Array, offset: number, length: number, bit: number, width: number): number {
  let word = 0;
  for (let byte = bit >> 3; byte <= (bit + width - 1) >> 3 && byte < length; byte += 1) {
    word |= (bytes[offset + length - 1 - byte] ?? 0) << (8 * (byte - (bit >> 3)));
  }
  return (word >> (bit & 7)) & ((1 << width) - 1);
}

/** One run over all terms for up to eight windows. */
class BucketPass {
  readonly #kernel: Kernel;
  readonly #addresses: Addresses;
  readonly #plan: Plan;
  readonly #rowBytes: number;
  readonly #buckets: number;
  readonly #operand: number;
  readonly #gathered: number;

  constructor(kernel: Kernel, addresses: Addresses, plan: Plan, buckets: number, groups: readonly [number, number]) {
    this.#kernel = kernel;
    this.#addresses = addresses;
    this.#plan = plan;
    this.#rowBytes = kernel.pairBytes / 2;
    this.#buckets = buckets;
    [this.#operand, this.#gathered] = groups;
  }

  /** Sets every bucket of every lane to 1. */
  reset(): void {
    const { call, bytes } = this.#kernel;
    const length = (LANES << this.#plan.windowBits) * this.#rowBytes;
    call.storeLane(this.#buckets, this.#addresses.one, 0);
    for (let filled = this.#rowBytes; filled < length; filled *= 2) {
      bytes.copyWithin(this.#buckets + filled, this.#buckets, this.#buckets + Math.min(filled, length - filled));
    }
  }

  /** Multiplies the terms from `step`·slices on into the buckets of their digits in the windows from `firstWindow` on. */
  addStep(step: number, firstWindow: number, scalars: Scalars): void {
    const { call, pairBytes } = this.#kernel;
    const rows: number[] = [];
    for (let lane = 0; lane < LANES; lane += 1) {
      const term = step * this.#plan.slices + Math.floor(lane / this.#plan.windowsAtOnce);
      const row = this.#bucket(lane, this.#digit(lane, term, firstWindow, scalars));
      rows.push(row);
      const vector = (lane >> 1) * pairBytes;
      const slot = term % LANES;
      call.copyLane(this.#operand + vector, lane & 1, this.#addresses.terms + (slot >> 1) * pairBytes, slot & 1);
      call.loadLane(this.#gathered + vector, lane & 1, row);
    }
    call.multiplyPairs(this.#gathered, this.#gathered, this.#operand, MOST_VECTORS, pairBytes);
    rows.forEach((row, lane) => call.storeLane(row, this.#gathered + (lane >> 1) * pairBytes, lane & 1));
  }

  /** Leaves Π_d bucket[d]^d of every lane in the group `sum`. */
  aggregate(sum: number): void {
    const { call, pairBytes } = this.#kernel;
    this.#setOne(sum);
    this.#setOne(this.#gathered);
    for (let digit = (1 << this.#plan.windowBits) - 1; digit > 0; digit -= 1) {
      for (let lane = 0; lane < LANES; lane += 1) {
        call.loadLane(this.#operand + (lane >> 1) * pairBytes, lane & 1, this.#bucket(lane, digit));
      }
      call.multiplyPairs(this.#gathered, this.#gathered, this.#operand, MOST_VECTORS, pairBytes);
      call.multiplyPairs(sum, sum, this.#gathered, MOST_VECTORS, pairBytes);
    }
  }

  /** The digit a lane takes of a term; 0, whose bucket is never used, for lanes and terms that do not exist. */
  #digit(lane: number, term: number, firstWindow: number, { count, exponents, exponentBytes }: Scalars): number {
    const { windowBits, windowsAtOnce, slices, windows } = this.#plan;
    const window = firstWindow + (lane % windowsAtOnce);
    if (term >= count || window >= windows || lane >= windowsAtOnce * slices) return 0;
    return digitAt(exponents, term * exponentBytes, exponentBytes, window * windowBits, windowBits);
  }

  #bucket(lane: number, digit: number): number {
    return this.#buckets + ((lane << this.#plan.windowBits) + digit) * this.#rowBytes;
  }

  #setOne(group: number): void {
    const { bytes, pairBytes } = this.#kernel;
    const { one } = this.#addresses;
    for (let v = 0; v < MOST_VECTORS; v += 1) bytes.copyWithin(group + v * pairBytes, one, one + pairBytes);
  }
}

/** result = Π windowSum[j]^(2^(w·j)), from the highest window down; `sums` holds one group per pass. */
function combineWindows(kernel: Kernel, { one, result, terms }: Addresses, plan: Plan, sums: readonly number[]): void {
  const { call, pairBytes } = kernel;
  kernel.bytes.copyWithin(result, one, one + pairBytes);
  for (let window = plan.windows - 1; window >= 0; window -= 1) {
    for (let i = 0; i < plan.windowBits; i += 1) call.squarePairs(result, result, 1);
    const sum = sums[Math.floor(window / plan.windowsAtOnce)] ?? 0;
    for (let slice = 0; slice < plan.slices; slice += 1) {
      const lane = slice * plan.windowsAtOnce + (window % plan.windowsAtOnce);
      call.copyLane(terms, 0, sum + (lane >> 1) * pairBytes, lane & 1);
      call.copyLane(terms, 1, terms, 0);
      call.multiplyPairs(result, result, terms, 1, pairBytes);
    }
  }
}

/** Scratch of multi-exponentiations in one kernel, kept because memory of an instance never shrinks. */
interface Scratch {
  buckets: number;
  bucketBytes: number;
  groups: [number, number];
  sums: number[];
}
const scratchOf = new WeakMap<Kernel, Scratch>();

function scratchFor(kernel: Kernel, bucketBytes: number, passes: number): Scratch {
  const scratch = scratchOf.get(kernel) ?? {
    buckets: 0,
    bucketBytes: 0,
    groups: [kernel.allocateGroup(), kernel.allocateGroup()],
    sums: [],
  };
  scratchOf.set(kernel, scratch);
  if (bucketBytes > scratch.bucketBytes) {
    scratch.buckets = kernel.allocate(bucketBytes);
    scratch.bucketBytes = bucketBytes;
  }
  while (scratch.sums.length < passes) scratch.sums.push(kernel.allocateGroup());
  return scratch;
}

/**
 * Computes Π bᵢ^eᵢ into the first lane of `addresses.result`; the empty product is 1. `loadTerms(first)` reads the
 * bases from index `first` (a multiple of eight) on into `addresses.terms`.
 */
export function multiExponentiate(
  kernel: Kernel,
  addresses: Addresses,
  scalars: Scalars,
  loadTerms: (first: number) => void,
): void {
  const plan = planFor(scalars.count, 8 * scalars.exponentBytes);
  const passes = Math.ceil(plan.windows / plan.windowsAtOnce);
  const bucketBytes = (LANES << plan.windowBits) * (kernel.pairBytes / 2);
  const scratch = scratchFor(kernel, bucketBytes, passes);
  const pass = new BucketPass(kernel, addresses, plan, scratch.buckets, scratch.groups);
  const stepsPerGroup = LANES / plan.slices;
  for (let index = 0; index < passes; index += 1) {
    pass.reset();
    for (let step = 0; step * plan.slices < scalars.count; step += 1) {
      if (step % stepsPerGroup === 0) loadTerms(step * plan.slices);
      pass.addStep(step, index * plan.windowsAtOnce, scalars);
    }
    pass.aggregate(scratch.sums[index] ?? 0);
  }
  combineWindows(kernel, addresses, plan, scratch.sums);
}
