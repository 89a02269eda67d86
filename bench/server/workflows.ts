import { assignProcess, closeSuccessful, getProcess } from '../../colony/messages/processes.ts';
import { getWorkflow, submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { connectParty, textOf, type WireReply } from './party.ts';
import { OUTPUT, POLL, type Setting, spec, workflow } from './setting.ts';
import { finishAll } from './throughput.ts';

/**
 * Milliseconds from sending the close of a parent until the waiting poll of the child's executor has its answer, of
 * two-node workflows.
 */
export async function measureHandOvers(setting: Setting, count: number): Promise<number[]> {
  const user = await connectParty(setting.port, setting.user);
  const [parent] = await setting.addExecutors('parent', 1);
  const [child] = await setting.addExecutors('child', 1);
  const [observer] = await setting.addExecutors('observer', 1);
  if (!parent || !child || !observer) throw new Error('bench: expected three executors, got fewer');
  const graph = workflow([spec('parent', 'first'), spec('child', 'second', ['first'])]);
  const durations: number[] = [];
  while (durations.length < count) {
    await user.call(submitWorkflowSpec, graph);
    const processId = textOf(await parent.call(assignProcess, POLL), 'processid');
    const waiting = child.call(assignProcess, POLL);
    const close = parent.seal(closeSuccessful, { processId, output: [...OUTPUT] });
    // The answer to a later request tells that the poll before it is waiting by now.
    await observer.call(getProcess, { processId });
    const startedAt = performance.now();
    const closed = parent.send(closeSuccessful, close);
    const assigned = await waiting;
    durations.push(performance.now() - startedAt);
    await closed;
    await child.call(closeSuccessful, { processId: textOf(assigned, 'processid'), output: [] });
  }
  for (const party of [user, parent, child, observer]) party.close();
  return durations;
}

/** Milliseconds per step of a chain of so many nodes that two executors take and end in turn. */
export async function measureChain(setting: Setting, length: number): Promise<number> {
  const type = `chain of ${length}`;
  const user = await connectParty(setting.port, setting.user);
  const executors = await setting.addExecutors(type, 2);
  const nodes = Array.from({ length }, (_, index) => spec(type, `${index}`, index === 0 ? [] : [`${index - 1}`]));
  await user.call(submitWorkflowSpec, workflow(nodes));
  const startedAt = performance.now();
  await finishAll(executors, length, 'each');
  const elapsedMs = performance.now() - startedAt;
  for (const party of [user, ...executors]) party.close();
  return elapsedMs / length;
}

/** What a graph of one root, many leaves below it and a join of them all took, in milliseconds. */
export interface FanOut {
  /** From sending the graph until the join was closed. */
  readonly totalMs: number;
  /** Reading the finished graph. */
  readonly readMs: number;
}

/**
 * Runs such a graph with 8 executors for the leaves and another one for the join.
 *
 * @throws Error when the join does not get what every leaf gave out
 */
export async function measureFanOut(setting: Setting, leafCount: number): Promise<FanOut> {
  const user = await connectParty(setting.port, setting.user);
  const leaves = await setting.addExecutors('leaf', 8);
  const [last] = await setting.addExecutors('join', 1);
  if (!last) throw new Error('bench: expected an executor, got none');
  const names = Array.from({ length: leafCount }, (_, index) => `leaf ${index}`);
  const graph = workflow([
    spec('leaf', 'root'),
    ...names.map((name) => spec('leaf', name, ['root'])),
    spec('join', 'join', names),
  ]);
  const startedAt = performance.now();
  const submitted = await user.call(submitWorkflowSpec, graph);
  const finished = finishAll(leaves, leafCount + 1, 'each');
  const join: WireReply = await last.call(assignProcess, POLL);
  if (!Array.isArray(join['in']) || join['in'].length !== leafCount * OUTPUT.length) {
    throw new Error(`bench: expected the outputs of ${leafCount} leaves as input of the join, got something else`);
  }
  await last.call(closeSuccessful, { processId: textOf(join, 'processid'), output: [] });
  await finished;
  const closedAt = performance.now();
  await user.call(getWorkflow, { workflowId: textOf(submitted, 'processgraphid') });
  const readMs = performance.now() - closedAt;
  for (const party of [user, last, ...leaves]) party.close();
  return { totalMs: closedAt - startedAt, readMs };
}
