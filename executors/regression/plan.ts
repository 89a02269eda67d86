import { bitLength } from '../../crypto/modular/bytes.ts';
import { additivePlan, blockCiphertexts } from './additive/precision.ts';
import { batchCount, CHUNK_ROWS, gradientBound, gradientCiphertexts, gradientPacking, isMeasuring } from './batches.ts';
import { guardParameters, openingBudget } from './guards.ts';
import { leakageOf } from './leakage.ts';
import { columnsOf, hasLoss, isCubic } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** Bits of the shares for which `productMicros` is measured. */
export const PRODUCT_BITS = 72;

/** What follows from the parameters of a run before it begins: sizes, work, openings, and who learns what. */

/** Microseconds for one ciphertext or term on this machine with a key of the run's length, all threads busy. */
export interface Speeds {
  readonly encryptMicros: number;
  /** By the owner of the key, who knows its factors. */
  readonly ownEncryptMicros: number;
  /** One ciphertext multiplied into a sum. */
  readonly addMicros: number;
  /** One ciphertext raised to one column's value. */
  readonly dotMicros: number;
  readonly decryptMicros: number;
  /** A received ciphertext checked. */
  readonly checkMicros: number;
  /** A ciphertext split for products of powers. */
  readonly splitMicros: number;
  /** One ciphertext raised to a share of {@link PRODUCT_BITS} bits, in a long product. */
  readonly productMicros: number;
}

/** Openings of one party. */
interface PartyBudget {
  readonly party: string;
  readonly columns: number;
  /** Ciphertexts that are opened for this party in an iteration. */
  readonly ciphertexts: number;
  /** (iterations + retries)·columns / rows: at 1 a dishonest party could solve for all residuals of protocol A. */
  readonly openingsPerRow: number;
}

/** What a dry run prints. Bytes are those of ciphertexts, without the JSON around them. */
export interface RunPlan {
  readonly ciphertextBytes: number;
  readonly slotBits: number;
  readonly slotsPerCiphertext: number;
  /** Bits between the largest gradient that honest parties can reach and n/2. */
  readonly overflowMarginBits: number;
  readonly batches: number;
  readonly rowsPerIteration: number;
  readonly chunksPerIteration: number;
  readonly bytesAtStart: number;
  readonly bytesPerForward: number;
  readonly bytesPerIteration: number;
  readonly processesPerIteration: number;
  readonly chainDepth: number;
  readonly budgets: readonly PartyBudget[];
  /** From the request until the first iteration; undefined where nothing was measured. */
  readonly secondsAtStart: number | undefined;
  /** Undefined where nothing was measured. */
  readonly secondsPerIteration: number | undefined;
  /** Whether the label party learns the loss, and if not, why. */
  readonly loss: string;
  /** What each party learns, in plain words. */
  readonly leakage: readonly string[];
  /** What was accepted for a demonstration only, or should be known. */
  readonly warnings: readonly string[];
}

/** A budget that is worth a warning. */
const NOTED_BUDGET = 0.1;
/** One process after another at the embedded server, its messages and its part of the storage: seen in small runs. */
const SECONDS_PER_STEP = 0.05;
/** Survey, keys and seeds: seen in small runs with keys of 2048 bits. */
const SECONDS_OF_SETUP = 1.5;

/**
 * Plans a run.
 *
 * @param speeds a short measurement of the caller's
 * @throws TerminalError as `guardParameters`
 */
export function planRun(parameters: RunParameters, speeds?: Speeds): RunPlan {
  const findings = guardParameters(parameters);
  const batches = batchCount(parameters);
  const rowsPerIteration = Math.ceil(parameters.rows / batches);
  const isAdditive = parameters.mode === 'additive';
  const budgets = parameters.features.map(({ name }) => budgetOf(parameters, name));
  const sizes = isAdditive ? additiveSizes(parameters, rowsPerIteration) : sizesOf(parameters, rowsPerIteration);
  return {
    ciphertextBytes: ciphertextBytesOf(parameters),
    ...sizes,
    batches,
    rowsPerIteration,
    chunksPerIteration: Math.ceil(rowsPerIteration / CHUNK_ROWS),
    budgets,
    ...timesOf(parameters, sizes, rowsPerIteration, speeds),
    loss: lossNote(parameters),
    leakage: leakageOf(parameters),
    warnings: [...findings.map(({ message }) => message), ...(isAdditive ? [] : noteBudgets(budgets))],
  };
}

function lossNote(parameters: RunParameters): string {
  if (isMeasuring(parameters, 0)) {
    return `of every iteration, for its batch; the first ${batchCount(parameters)} iterations take no step`;
  }
  if (hasLoss(parameters)) return 'of every iteration';
  if (isCubic(parameters)) return 'none: that of the cubic form has fourth powers, which no party could add up cheaply';
  if (parameters.loss === false) return 'none, as asked for';
  return 'none with mini-batches, unless "loss": true is asked for: then the first pass over the batches takes no step';
}

type Sizes = Pick<
  RunPlan,
  | 'slotBits'
  | 'slotsPerCiphertext'
  | 'overflowMarginBits'
  | 'bytesAtStart'
  | 'bytesPerForward'
  | 'bytesPerIteration'
  | 'processesPerIteration'
  | 'chainDepth'
>;

/** Protocol A. */
function sizesOf(parameters: RunParameters, rows: number): Sizes {
  const { slotBits, slotsPerCiphertext } = gradientPacking(parameters);
  const width = ciphertextBytesOf(parameters);
  const parties = parameters.features.length;
  const opened = parameters.features.reduce((total, { name }) => total + gradientCiphertexts(parameters, name), 0);
  const openers = parameters.mode === 'threshold' ? parties + 1 : 1;
  const powers = isCubic(parameters) ? 1 : 0;
  return {
    slotBits,
    slotsPerCiphertext,
    overflowMarginBits: parameters.keyBits - 1 - bitLength(gradientBound(parameters)),
    bytesAtStart: parameters.rows * width,
    bytesPerForward: rows * width,
    bytesPerIteration: (vectorsPerIteration(parameters) * rows + opened * (1 + openers)) * width,
    processesPerIteration: 2 * parties + 1 + openers + powers,
    chainDepth: 4 + powers,
  };
}

/** Protocol B+: rows are encrypted once, and an iteration moves one share for each row and party. */
function additiveSizes(parameters: RunParameters, rows: number): Sizes {
  const { packing, shareBytes } = additivePlan(parameters);
  const width = ciphertextBytesOf(parameters);
  const parties = parameters.features.length;
  const blocks = blocksOf(parameters);
  return {
    slotBits: packing.slotBits,
    slotsPerCiphertext: packing.slotsPerCiphertext,
    overflowMarginBits: parameters.keyBits - 1 - packing.slotBits,
    bytesAtStart: parameters.rows * blocks * width,
    bytesPerForward: rows * shareBytes,
    // Every other holder's product, their sum, and what the label party keeps of it.
    bytesPerIteration: parties * rows * shareBytes + blocks * (parties + 2) * width,
    processesPerIteration: parties + (parties > 1 ? parties + 1 : 1) + 2,
    chainDepth: 4,
  };
}

function ciphertextBytesOf({ keyBits }: RunParameters): number {
  return 2 * Math.ceil(keyBits / 8);
}

/** Ciphertexts that hold one row of all parties. */
function blocksOf(parameters: RunParameters): number {
  return parameters.features.reduce((total, { name }) => total + blockCiphertexts(parameters, name), 0);
}

function budgetOf(parameters: RunParameters, party: string): PartyBudget {
  return {
    party,
    columns: columnsOf(parameters, party),
    ciphertexts:
      parameters.mode === 'additive' ? blockCiphertexts(parameters, party) : gradientCiphertexts(parameters, party),
    openingsPerRow: openingBudget(parameters, party),
  };
}

function* noteBudgets(budgets: readonly PartyBudget[]): Generator<string> {
  for (const { party, openingsPerRow } of budgets) {
    if (openingsPerRow <= NOTED_BUDGET) continue;
    yield (
      `${party} may ask for ${openingsPerRow.toFixed(3)} openings for each row; a dishonest party could use them to learn ` +
        'about residuals: fewer iterations, more rows, or mode "additive" prevent it'
    );
  }
}

/** Vectors of one ciphertext for each row: every party's predictions, their sum, and the cubic form's powers. */
function vectorsPerIteration(parameters: RunParameters): number {
  return parameters.features.length + 1 + (isCubic(parameters) ? 3 : 0);
}

/** What all parties take, one after another on one machine whose processors are free. */
function timesOf(
  parameters: RunParameters,
  { chainDepth }: Pick<RunPlan, 'chainDepth'>,
  rowsPerIteration: number,
  speeds: Speeds | undefined,
): Pick<RunPlan, 'secondsAtStart' | 'secondsPerIteration'> {
  if (speeds === undefined) return { secondsAtStart: undefined, secondsPerIteration: undefined };
  const micros = parameters.mode === 'additive' ? additiveMicros(parameters, speeds) : microsPerRow(parameters, speeds);
  return {
    secondsAtStart: SECONDS_OF_SETUP + (parameters.rows * setupMicros(parameters, speeds)) / 1e6,
    secondsPerIteration: chainDepth * SECONDS_PER_STEP + (micros * rowsPerIteration) / 1e6,
  };
}

/** For each row: the label party encrypts E0; or every feature party its rows, which all others check and split. */
function setupMicros(parameters: RunParameters, speeds: Speeds): number {
  if (parameters.mode === 'single-key') return speeds.ownEncryptMicros;
  if (parameters.mode === 'threshold') return speeds.encryptMicros;
  const holders = parameters.features.length;
  return blocksOf(parameters) * (speeds.ownEncryptMicros + holders * (speeds.checkMicros + speeds.splitMicros));
}

/** For each row; openings and losses are too small to count. */
function microsPerRow(parameters: RunParameters, speeds: Speeds): number {
  const parties = parameters.features.length;
  const columns = parameters.features.reduce((total, { name }) => total + columnsOf(parameters, name), 0);
  const additions = vectorsPerIteration(parameters) + parties;
  // The aggregator checks what it adds, and feature parties what they multiply.
  const checks = parties + 1 + parties * (isCubic(parameters) ? 4 : 1);
  // The cubic form raises to factors of about 45, 175 and 300 bits where the others raise to 48.
  const terms = columns * (isCubic(parameters) ? 12 : 1);
  const powers = isCubic(parameters) ? 3 * speeds.ownEncryptMicros + speeds.decryptMicros : 0;
  return (
    parties * speeds.encryptMicros +
    additions * speeds.addMicros +
    checks * speeds.checkMicros +
    terms * speeds.dotMicros +
    powers
  );
}

/** For each row: every holder but its owner raises a block to its shares. */
function additiveMicros(parameters: RunParameters, speeds: Speeds): number {
  const { shareBits } = additivePlan(parameters);
  const products = parameters.features.length * blocksOf(parameters);
  return (products * speeds.productMicros * shareBits) / PRODUCT_BITS;
}
