import type { FunctionSpec } from '../../colony/messages/processes.ts';

/**
 * The workflows of a vertical regression. A run is a sequence of small ones, since the cost of a step may grow with the
 * size of its workflow: a survey of the parties' rows, the set-up, blocks of iterations, and the end. The label party
 * submits each when the one before it has succeeded.
 */

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
}

/** The iterations of a block: `from` is the first, `to` follows the last. */
export interface Block {
  readonly from: number;
  readonly to: number;
  /** Counts the repetitions of the first iteration. */
  readonly attempt: number;
}

/** The longest that one function may take, in seconds, before another attempt begins. */
const STEP_SECONDS = 3600;
const RETRIES = 3;

/** The label of every process of a run, by which its workflows are found. */
export function labelOfRun(run: string): string {
  return `regression/${run}`;
}

interface NodePlan {
  readonly name: string;
  readonly functionName: string;
  readonly executorType: string;
  readonly dependencies?: readonly string[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/**
 * What each party has: rows, columns, ids. Then the label party decides whether they fit, and submits the set-up.
 *
 * @param request JSON text of what is wanted
 */
export function surveyWorkflow(cast: Cast, request: string): FunctionSpec[] {
  const parties = [cast.label, ...cast.features];
  const surveys = parties.map((party) => ({
    name: `survey-${party}`,
    functionName: party === cast.label ? 'regression_survey_labels' : 'regression_survey_columns',
    executorType: party,
    kwargs: { request },
  }));
  const start = {
    name: 'start',
    functionName: 'regression_start',
    executorType: cast.label,
    dependencies: surveys.map(({ name }) => name),
    kwargs: { request },
  };
  return specsOf(cast, [...surveys, start]);
}

/** Keys and seeds: halves of all who share secrets, then seeds, key and shares, then everybody stores what is theirs. */
export function setupWorkflow(graph: TrainingGraph): FunctionSpec[] {
  const { label, features, training, hasDealer, aggregator } = graph;
  const kwargs = { training };
  const sharers = hasDealer ? [label, ...features] : features;
  const halves = sharers.map((party) => node(`half-${party}`, 'regression_half', party, [], kwargs));
  const halfNames = halves.map(({ name }) => name);
  const key = hasDealer
    ? node('key', 'regression_deal', aggregator, halfNames, kwargs)
    : node('key', 'regression_key', label, [], kwargs);
  const [first = ''] = features;
  // Where nobody holds the key there is nobody to hide predictions from.
  const seeds = hasDealer ? [] : [node('seeds', 'regression_seeds', first, halfNames, kwargs)];
  const known = ['key', ...halfNames, ...seeds.map(({ name }) => name)];
  const joins = [...features, ...(hasDealer ? [label] : [])].map((party) =>
    node(`join-${party}`, 'regression_join', party, known, kwargs),
  );
  const begin = node('begin', 'regression_begin', label, ['key', ...joins.map(({ name }) => name)], kwargs);
  return specsOf(graph, [...halves, key, ...seeds, ...joins, begin]);
}

/** Some iterations. Everybody first repeats what the last one opened, so that nobody depends on an earlier workflow. */
export function blockWorkflow(graph: TrainingGraph, { from, to, attempt }: Block): FunctionSpec[] {
  const { label, openers, training } = graph;
  const resumed = resumeNodes(graph, from);
  const nodes: NodePlan[] = [...resumed];
  let previous = resumed.map(({ name }) => name);
  for (let iteration = from; iteration < to; iteration += 1) {
    const kwargs = { training, iteration, attempt: iteration === from ? attempt : 0 };
    const step = iterationNodes(graph, kwargs, previous);
    nodes.push(...step);
    previous = openers.map((party) => `open-${party}-${iteration}`);
  }
  nodes.push(node('continue', 'regression_continue', label, previous, { training, iteration: to, attempt }));
  return specsOf(graph, nodes);
}

function resumeNodes({ openers, training }: TrainingGraph, iteration: number): NodePlan[] {
  return openers.map((party) => node(`resume-${party}`, 'regression_resume', party, [], { training, iteration }));
}

function iterationNodes(
  { label, features, aggregator, openers, hasPowers }: TrainingGraph,
  kwargs: { readonly training: string; readonly iteration: number; readonly attempt: number },
  previous: readonly string[],
): NodePlan[] {
  const at = (what: string, party?: string): string =>
    party === undefined ? `${what}-${kwargs.iteration}` : `${what}-${party}-${kwargs.iteration}`;
  const forwards = features.map((party) => node(at('forward', party), 'regression_forward', party, previous, kwargs));
  const sources = [`resume-${label}`, ...forwards.map(({ name }) => name)];
  const aggregate = node(at('aggregate'), 'regression_aggregate', aggregator, sources, kwargs);
  const powers = hasPowers ? [node(at('powers'), 'regression_powers', label, [aggregate.name], kwargs)] : [];
  // The cubic form adds the labels to the gradient, not to the predictions.
  const residuals = powers.length === 0 ? [aggregate.name] : [`resume-${label}`, ...powers.map(({ name }) => name)];
  const gradients = features.map((party) =>
    node(at('gradient', party), 'regression_gradient', party, residuals, kwargs),
  );
  const gradientNames = gradients.map(({ name }) => name);
  const opens = openers.map((party) => node(at('open', party), 'regression_open', party, gradientNames, kwargs));
  return [...forwards, aggregate, ...powers, ...gradients, ...opens];
}

/** After a failure: asks the label party to submit the iterations from where the run stands. */
export function restartWorkflow(graph: TrainingGraph, attempt: number): FunctionSpec[] {
  const { label, training } = graph;
  return specsOf(graph, [node('restart', 'regression_restart', label, [], { training, iteration: 0, attempt })]);
}

/**
 * The last step, and where rows were held out, joint predictions for them, which only the label party learns.
 *
 * @param iteration how many iterations were done
 * @param heldOut whether there are rows to judge the model by
 */
export function finishWorkflow(graph: TrainingGraph, iteration: number, heldOut: boolean): FunctionSpec[] {
  const { label, features, training } = graph;
  const kwargs = { training, iteration };
  const resumed = resumeNodes(graph, iteration);
  const resumedNames = resumed.map(({ name }) => name);
  const finishes = features.map((party) => node(`finish-${party}`, 'regression_finish', party, resumedNames, kwargs));
  const finishNames = finishes.map(({ name }) => name);
  const predictions = heldOut ? predictionNodes(graph, kwargs, finishNames) : [];
  const opened = predictions
    .filter(({ functionName }) => functionName !== 'regression_predict')
    .map(({ name }) => name);
  const report = node('report', 'regression_report', label, [...finishNames, ...opened], kwargs);
  return specsOf(graph, [...resumed, ...finishes, ...predictions, report]);
}

/** Predictions, their sum, and where several share the key, the parts of all but the label party in opening it. */
function predictionNodes(
  { label, features, aggregator, openers }: TrainingGraph,
  kwargs: Readonly<Record<string, unknown>>,
  after: readonly string[],
): NodePlan[] {
  const predictions = features.map((party) => node(`predict-${party}`, 'regression_predict', party, after, kwargs));
  const names = predictions.map(({ name }) => name);
  const sum = node('predictions', 'regression_sum_predictions', aggregator, [`resume-${label}`, ...names], kwargs);
  const opens = openers
    .filter((party) => party !== label)
    .map((party) => node(`open-${party}`, 'regression_open_predictions', party, [sum.name], kwargs));
  return [...predictions, sum, ...opens];
}

function node(
  name: string,
  functionName: string,
  executorType: string,
  dependencies: readonly string[],
  kwargs: Readonly<Record<string, unknown>>,
): NodePlan {
  return { name, functionName, executorType, dependencies, kwargs };
}

function specsOf({ run }: Cast, nodes: readonly NodePlan[]): FunctionSpec[] {
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
