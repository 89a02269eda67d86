import { coefficientsInUnits } from '../scaling.ts';
import { filesOf } from './desk.ts';
import type { FeatureRun } from './feature-run.ts';

/** What a feature party keeps of a run that has ended: its own coefficients, and nobody else's. */
interface Coefficients {
  readonly run: string;
  readonly party: string;
  /** Of the column of ones, where this party owns it. */
  readonly intercept?: number;
  readonly columns: readonly ColumnCoefficient[];
}

/** One column of the model. */
interface ColumnCoefficient {
  readonly name: string;
  /** Of the prepared column: of z-scores where the run scales. */
  readonly theta: number;
  /** In the column's own unit; absent where scores were bounded. */
  readonly perUnit?: number;
  readonly mean: number;
  readonly deviation: number;
}

/** The file of a feature party's coefficients, in the run's directory. */
export const COEFFICIENTS_FILE = 'coefficients.json';

/** Writes this party's coefficients into its directory of the run, readable by its owner only. */
export function writeCoefficients(run: FeatureRun, theta: readonly number[]): void {
  const { parameters } = run.training;
  const own = theta.slice(theta.length - run.names.length);
  const perUnit = coefficientsInUnits(parameters, run.prepared.scales, own);
  const columns = run.names.map((name, index) => ({
    name,
    theta: own[index] ?? Number.NaN,
    ...(perUnit === undefined ? {} : { perUnit: perUnit[index] ?? Number.NaN }),
    mean: run.prepared.scales[index]?.mean ?? 0,
    deviation: run.prepared.scales[index]?.deviation ?? 1,
  }));
  const [intercept] = theta.length > run.names.length ? theta : [];
  const result: Coefficients = {
    run: parameters.run,
    party: run.desk.name,
    ...(intercept === undefined ? {} : { intercept }),
    columns,
  };
  filesOf(run.desk, parameters).publish(COEFFICIENTS_FILE, `${JSON.stringify(result, null, 2)}\n`);
}
