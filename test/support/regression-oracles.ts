import * as z from 'zod';
import { at, columnOf, readTable, readVectors } from './regression.ts';

/** Trajectories that an independent program has computed, and the data that they belong to. */

const Step = z.object({ theta: z.array(z.number()), grad_sum: z.array(z.number()), mse: z.number() });
const Steps = z.record(z.string(), Step);
const Trajectory = z.object({ alpha: z.number(), iterations: Steps });

/** y = 31·x1 − 5.5·x2 with 16 and with 100 rows: what is known after each iteration, from "1". */
export const SEED_ORACLE = z.object({ n16: Trajectory, n100: Trajectory }).parse(readVectors('seed000_gd.json'));

/** The diabetes data: descent on z-scores, with and without ridge. */
export const DIABETES_ORACLE = z
  .object({
    columns: z.array(z.string()),
    target_mean: z.number(),
    'gd_alpha0.1': Steps,
    'gd_ridge_alpha0.1_lambda0.1': Steps,
  })
  .parse(readVectors('linear_diabetes.json'));

const diabetes = readTable('diabetes.csv');

/** The ten columns of the diabetes data. */
export const DIABETES_COLUMNS = DIABETES_ORACLE.columns.map((name) => columnOf(diabetes, name));

/** Their labels. */
export const DIABETES_LABELS = columnOf(diabetes, 'progression');

/** A list divided among some parties, in its order. */
export function divideAmong<T>(values: readonly T[], parties: number): T[][] {
  const edges = Array.from({ length: parties + 1 }, (_, index) => Math.round((index * values.length) / parties));
  return edges.slice(1).map((edge, index) => values.slice(at(edges, index), edge));
}
