import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { forgetNodes, node, specsOf } from './nodes.ts';
import type { Block, Ending, NodePlan, TrainingGraph } from './nodes.ts';

/** The workflows of runs whose residuals stay additively shared (protocol B+). */

/** Every feature party encrypts its rows once; everybody else keeps a copy. Every two parties share a seed. */
export function additiveSetup(graph: TrainingGraph): FunctionSpec[] {
  const { label, features, training } = graph;
  const kwargs = { training };
  const halves = [label, ...features].map((party) => node(`half-${party}`, 'regression_half', party, [], kwargs));
  const rows = features.map((party) => node(`rows-${party}`, 'regression_rows', party, [`half-${party}`], kwargs));
  const sources = [...rows, ...halves].map(({ name }) => name);
  const joins = [label, ...features].map((party) =>
    node(`join-${party}`, 'regression_keep_rows', party, sources, kwargs),
  );
  const ready = joins.map(({ name }) => name);
  return specsOf(graph, [...halves, ...rows, ...joins, node('begin', 'regression_begin', label, ready, kwargs)]);
}

/** Some iterations, from what the label party has kept of the last one. */
export function additiveBlock(graph: TrainingGraph, { from, to, attempt }: Block): FunctionSpec[] {
  const { label, training } = graph;
  const resume = resumeNode(graph, from);
  const nodes: NodePlan[] = [resume];
  let previous = resume.name;
  for (let iteration = from; iteration < to; iteration += 1) {
    const kwargs = { training, iteration, attempt: iteration === from ? attempt : 0 };
    nodes.push(...iterationNodes(graph, kwargs, previous));
    previous = `open-${label}-${iteration}`;
  }
  const last = { training, iteration: to, attempt };
  return specsOf(graph, [...nodes, node('continue', 'regression_continue', label, [previous], last)]);
}

function resumeNode({ label, training }: TrainingGraph, iteration: number): NodePlan {
  return node(`resume-${label}`, 'regression_resume_sums', label, [], { training, iteration });
}

/**
 * Predictions, everybody's products, their sums. The shares of feature parties depend on no data: they multiply while the
 * label party waits and works.
 */
function iterationNodes(
  { label, features, aggregator }: TrainingGraph,
  kwargs: { readonly training: string; readonly iteration: number; readonly attempt: number },
  previous: string,
): NodePlan[] {
  const at = (what: string, party: string): string => `${what}-${party}-${kwargs.iteration}`;
  const forwards = features.map((party) => node(at('forward', party), 'regression_mask', party, [previous], kwargs));
  const forwardNames = forwards.map(({ name }) => name);
  const own = node(at('product', label), 'regression_multiply', label, forwardNames, kwargs);
  // With one feature party only the label party has something to multiply.
  const others = (features.length < 2 ? [] : features).map((party) =>
    node(at('product', party), 'regression_multiply', party, [at('forward', party)], kwargs),
  );
  const products = [own, ...others];
  const sources = [`resume-${label}`, ...products.map(({ name }) => name)];
  const sum = node(`sum-${kwargs.iteration}`, 'regression_sum_products', aggregator, sources, kwargs);
  const keep = node(at('open', label), 'regression_keep_sums', label, [sum.name], kwargs);
  return [...forwards, ...products, sum, keep];
}

/** The last step, and where rows were held out, joint predictions for them, which only the label party learns. */
export function additiveFinish(graph: TrainingGraph, { iteration, attempt, heldOut }: Ending): FunctionSpec[] {
  const { label, features, training } = graph;
  const kwargs = { training, iteration, attempt };
  const resume = resumeNode(graph, iteration);
  const finishes = features.map((party) =>
    node(`finish-${party}`, 'regression_finish_masked', party, [resume.name], kwargs),
  );
  const finishNames = finishes.map(({ name }) => name);
  const predictions = (heldOut ? features : []).map((party) =>
    node(`predict-${party}`, 'regression_predict_masked', party, finishNames, kwargs),
  );
  const sources = [...finishNames, ...predictions.map(({ name }) => name)];
  const report = node('report', 'regression_report_masked', label, sources, kwargs);
  return specsOf(graph, [resume, ...finishes, ...predictions, report, ...forgetNodes(graph, kwargs)]);
}
