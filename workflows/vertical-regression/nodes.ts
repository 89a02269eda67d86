import type { FunctionSpec } from '../../colony/messages/processes.ts';

/** What the workflows of a vertical regression are made of. */

/** Who takes part; every name is the executor type of one daemon. */
export interface Cast {
  readonly run: string;
  readonly label: string;
  readonly features: readonly string[];
  readonly aggregator: string;
}

/** What the graph of a training depends on. */
export interface TrainingGraph extends Cast {
  /** The JSON text that says everything about the training; an argument of every function. */
  readonly training: string;
  /** Who opens gradients: the holder of the key, or all holders of a share. */
  readonly openers: readonly string[];
  /** Whether a round of powers comes between sum and gradient. */
  readonly hasPowers: boolean;
  /** Whether a dealer makes the key. */
  readonly hasDealer: boolean;
  /** Whether feature parties open the last loss to the label party, which takes a round. */
  readonly opensLoss: boolean;
  /** Whether residuals stay additively shared, which takes other rounds. */
  readonly isAdditive: boolean;
}

/** The iterations of a block: `from` is the first, `to` follows the last. */
export interface Block {
  readonly from: number;
  readonly to: number;
  /** Counts the repetitions of the first iteration. */
  readonly attempt: number;
}

/** The end of a run: `iteration` says how many were done. */
export interface Ending {
  readonly iteration: number;
  readonly attempt: number;
  /** Whether there are rows to judge the model by. */
  readonly heldOut: boolean;
}

/** The longest that one function may take, in seconds, before another attempt begins. */
const STEP_SECONDS = 3600;
const RETRIES = 3;

/** The label of every process of a run, by which its workflows are found. */
export function labelOfRun(run: string): string {
  return `regression/${run}`;
}

/** One process of a workflow. */
export interface NodePlan {
  readonly name: string;
  readonly functionName: string;
  readonly executorType: string;
  readonly dependencies?: readonly string[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/** A process after others. */
export function node(
  name: string,
  functionName: string,
  executorType: string,
  dependencies: readonly string[],
  kwargs: Readonly<Record<string, unknown>>,
): NodePlan {
  return { name, functionName, executorType, dependencies, kwargs };
}

/** After the report, feature parties forget their secrets; the label party has done so in its report. */
export function forgetNodes({ features }: Cast, kwargs: NodePlan['kwargs']): NodePlan[] {
  return features.map((party) => node(`forget-${party}`, 'regression_forget', party, ['report'], kwargs));
}

/** The processes as a workflow submits them. */
export function specsOf({ run }: Pick<Cast, 'run'>, nodes: readonly NodePlan[]): FunctionSpec[] {
  return nodes.map(({ name, functionName, executorType, dependencies = [], kwargs }) => ({
    nodeName: name,
    functionName,
    args: [],
    kwargs: { ...kwargs },
    priority: 0,
    maxWaitTimeSeconds: -1,
    maxExecTimeSeconds: STEP_SECONDS,
    maxRetries: RETRIES,
    conditions: conditionsOf(executorType, dependencies),
    label: labelOfRun(run),
    filesystem: undefined,
    env: {},
    channels: undefined,
  }));
}

function conditionsOf(executorType: string, dependencies: readonly string[]): FunctionSpec['conditions'] {
  return {
    colonyName: '',
    executorNames: [],
    executorType,
    locationName: undefined,
    dependencies: [...dependencies],
    nodes: 0,
    cpu: '',
    processes: 0,
    processesPerNode: 0,
    memory: '',
    storage: '',
    gpu: undefined,
    wallTimeSeconds: 0,
  };
}
