import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { additiveBlock, additiveFinish, additiveSetup } from './additive-builder.ts';
import { forgetNodes, node, specsOf } from './nodes.ts';
import type { Block, Cast, Ending, NodePlan, TrainingGraph } from './nodes.ts';

export { labelOfRun } from './nodes.ts';
export type { Block, Cast, Ending, TrainingGraph } from './nodes.ts';

/**
 * The workflows of a vertical regression. A run is a sequence of small ones, since the cost of a step may grow with the
 * size of its workflow: a survey of the parties' rows, the set-up, blocks of iterations, and the end. The label party
 * submits each when the one before it has succeeded.
 */

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

/**
 * Keys and seeds: halves of all who share secrets, then seeds, key and shares, then the encrypted labels, then everybody
 * stores what is theirs.
 */
export function setupWorkflow(graph: TrainingGraph): FunctionSpec[] {
  if (graph.isAdditive) return additiveSetup(graph);
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
  // Where there is a dealer, the label party has the key only when it has joined.
  const labelJoins = (hasDealer ? [label] : []).map((party) =>
    node(`join-${party}`, 'regression_join', party, known, kwargs),
  );
  const keySource = labelJoins[0]?.name ?? 'key';
  const labels = node('labels', 'regression_labels', label, [keySource], kwargs);
  const joins = features.map((party) =>
    node(`join-${party}`, 'regression_join', party, [...known, labels.name], kwargs),
  );
  const ready = [...joins, ...labelJoins].map(({ name }) => name);
  const begin = node('begin', 'regression_begin', label, ready, kwargs);
  return specsOf(graph, [...halves, key, ...seeds, ...labelJoins, labels, ...joins, begin]);
}

/** Some iterations. Everybody first repeats what the last one opened, so that nobody depends on an earlier workflow. */
export function blockWorkflow(graph: TrainingGraph, { from, to, attempt }: Block): FunctionSpec[] {
  if (graph.isAdditive) return additiveBlock(graph, { from, to, attempt });
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

/** What one workflow may hold: servers that take more take their time. */
const MOST = { nodes: 2500, dependencies: 10_000 } as const;

/**
 * A block of as many of these iterations as fit into one workflow: with many parties fewer, but always one.
 *
 * @returns its processes, and the iteration after its last
 */
export function fittingBlock(graph: TrainingGraph, block: Block): { to: number; specs: FunctionSpec[] } {
  const { from, to } = block;
  const specs = blockWorkflow(graph, block);
  const dependencies = specs.reduce((count, { conditions }) => count + conditions.dependencies.length, 0);
  const isFitting = specs.length <= MOST.nodes && dependencies <= MOST.dependencies;
  if (isFitting || to - from <= 1) return { to, specs };
  return fittingBlock(graph, { ...block, to: from + Math.ceil((to - from) / 2) });
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

/** After a failure: asks where everybody who opens stands, and the label party to submit what comes next. */
export function restartWorkflow(graph: TrainingGraph, attempt: number): FunctionSpec[] {
  const { label, openers, training } = graph;
  const kwargs = { training, iteration: 0, attempt };
  const stands = openers
    .filter((party) => party !== label)
    .map((party) => node(`stand-${party}`, 'regression_stand', party, [], kwargs));
  const standNames = stands.map(({ name }) => name);
  return specsOf(graph, [...stands, node('restart', 'regression_restart', label, standNames, kwargs)]);
}

/**
 * The last step, and where rows were held out, joint predictions for them, which only the label party learns; then
 * everybody forgets the run's secrets.
 */
export function finishWorkflow(graph: TrainingGraph, { iteration, attempt, heldOut }: Ending): FunctionSpec[] {
  if (graph.isAdditive) return additiveFinish(graph, { iteration, attempt, heldOut });
  const { label, features, training, opensLoss } = graph;
  const kwargs = { training, iteration, attempt };
  const resumed = resumeNodes(graph, iteration);
  const resumedNames = resumed.map(({ name }) => name);
  const finishes = features.map((party) => node(`finish-${party}`, 'regression_finish', party, resumedNames, kwargs));
  const finishNames = finishes.map(({ name }) => name);
  const losses = (opensLoss ? features : []).map((party) =>
    node(`loss-${party}`, 'regression_open_loss', party, finishNames, kwargs),
  );
  const predictions = heldOut ? predictionNodes(graph, kwargs, finishNames) : [];
  const opened = predictions
    .filter(({ functionName }) => functionName !== 'regression_predict')
    .map(({ name }) => name);
  const sources = [...finishNames, ...losses.map(({ name }) => name), ...opened];
  const report = node('report', 'regression_report', label, sources, kwargs);
  const last = [report, ...forgetNodes(graph, kwargs)];
  return specsOf(graph, [...resumed, ...finishes, ...losses, ...predictions, ...last]);
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
    .map((party) => node(`open-${party}`, 'regression_open_predictions', party, names, kwargs));
  return [...predictions, sum, ...opens];
}
