import { bitLength } from '../../crypto/modular/bytes.ts';
import { batchCount, CHUNK_ROWS, gradientBound, gradientCiphertexts, gradientPacking } from './batches.ts';
import { guardParameters, openingBudget } from './guards.ts';
import { leakageOf } from './leakage.ts';
import { columnsOf, isCubic, partiesOf } from './parameters.ts';
import type { RunParameters } from './parameters.ts';

/** What follows from the parameters of a run before it begins: sizes, work, openings, and who learns what. */

/** Microseconds for one ciphertext or term, measured on this machine with a key of the run's length, all threads busy. */
export interface Speeds {
  readonly encryptMicros: number;
  /** One ciphertext multiplied into a sum. */
  readonly addMicros: number;
  /** One ciphertext raised to one column's value. */
  readonly dotMicros: number;
  readonly decryptMicros: number;
}

/** Openings of one party. */
interface PartyBudget {
  readonly party: string;
  readonly columns: number;
  /** Ciphertexts that are opened for this party in an iteration. */
  readonly ciphertexts: number;
  /** (iterations + retries)·columns / rows: at 1 a dishonest party could solve for all residuals. */
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
  /** Undefined where nothing was measured. */
  readonly secondsPerIteration: number | undefined;
  /** What each party learns, in plain words. */
  readonly leakage: readonly string[];
  /** What was accepted for a demonstration only, or should be known. */
  readonly warnings: readonly string[];
}

/** A budget that is worth a warning. */
const NOTED_BUDGET = 0.1;

/**
 * Plans a run of protocol A.
 *
 * @param speeds a short measurement of the caller's
 * @throws TerminalError as `guardParameters`
 */
export function planRun(parameters: RunParameters, speeds?: Speeds): RunPlan {
  const findings = guardParameters(parameters);
  const packing = gradientPacking(parameters);
  const ciphertextBytes = 2 * Math.ceil(parameters.keyBits / 8);
  const batches = batchCount(parameters);
  const rowsPerIteration = Math.ceil(parameters.rows / batches);
  const budgets = parameters.features.map(({ name }) => budgetOf(parameters, name));
  const vectors = vectorsPerIteration(parameters);
  const opened = budgets.reduce((total, { ciphertexts }) => total + ciphertexts, 0);
  const parts = parameters.mode === 'threshold' ? partiesOf(parameters).length : 1;
  return {
    ciphertextBytes,
    slotBits: packing.slotBits,
    slotsPerCiphertext: packing.slotsPerCiphertext,
    overflowMarginBits: parameters.keyBits - 1 - bitLength(gradientBound(parameters)),
    batches,
    rowsPerIteration,
    chunksPerIteration: Math.ceil(rowsPerIteration / CHUNK_ROWS),
    bytesAtStart: parameters.rows * ciphertextBytes,
    bytesPerForward: rowsPerIteration * ciphertextBytes,
    bytesPerIteration: (vectors * rowsPerIteration + opened * (1 + parts)) * ciphertextBytes,
    ...graphOf(parameters),
    budgets,
    secondsPerIteration: speeds && secondsOf(parameters, speeds, rowsPerIteration),
    leakage: leakageOf(parameters),
    warnings: [...findings.map(({ message }) => message), ...noteBudgets(budgets)],
  };
}

function budgetOf(parameters: RunParameters, party: string): PartyBudget {
  return {
    party,
    columns: columnsOf(parameters, party),
    ciphertexts: gradientCiphertexts(parameters, party),
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

function graphOf(parameters: RunParameters): Pick<RunPlan, 'processesPerIteration' | 'chainDepth'> {
  const parties = parameters.features.length;
  const opening = parameters.mode === 'threshold' ? parties + 1 : 1;
  const powers = isCubic(parameters) ? 1 : 0;
  return { processesPerIteration: 2 * parties + 1 + opening + powers, chainDepth: 4 + powers };
}

/** All parties' work one after another on one machine; partial decryptions and losses are too small to count. */
function secondsOf(parameters: RunParameters, speeds: Speeds, rows: number): number {
  const parties = parameters.features.length;
  const columns = parameters.features.reduce((total, { name }) => total + columnsOf(parameters, name), 0);
  const encryptions = parties + (isCubic(parameters) ? 3 : 0);
  const additions = vectorsPerIteration(parameters) + parties;
  // The cubic form raises to factors of about 45, 175 and 300 bits where the others raise to 47.
  const terms = columns * (isCubic(parameters) ? 12 : 1);
  const decryptions = isCubic(parameters) ? 1 : 0;
  const micros =
    encryptions * speeds.encryptMicros +
    additions * speeds.addMicros +
    terms * speeds.dotMicros +
    decryptions * speeds.decryptMicros;
  return (micros * rows) / 1e6;
}
