import type { FunctionSpec } from '../../../colony/messages/processes.ts';
import {
  blockWorkflow,
  finishWorkflow,
  labelOfRun,
  setupWorkflow,
} from '../../../workflows/vertical-regression/builder.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage } from '../messages.ts';
import { findStop, OpenOutput, Stopped } from '../outputs.ts';
import { agreeOn, graphOf, Survey, type Training, type TrainingRequest } from '../training.ts';
import type { CallTools, Desk } from './desk.ts';
import { encryptLabels, type LabelRun, recallLabels } from './label-run.ts';

/** How one workflow follows another: the label party submits the next when one has succeeded. */

/** Puts the surveys together and submits the set-up. What links end with is text for people and programs. */
export async function start(
  desk: Desk,
  request: TrainingRequest,
  surveys: readonly string[],
  tools: CallTools,
): Promise<string> {
  const training = agreeOn(
    request,
    surveys.map((text) => decodeMessage(Survey, text)),
  );
  const found = await findSubmitted(desk, training, 'begin', undefined, tools);
  const workflowId = found ?? (await submit(desk, setupWorkflow(graphOf(training)), tools));
  return outputOf(found === undefined, workflowId, 'set-up');
}

/** Encrypts the labels, once all parties are ready, and submits the first block. */
export async function begin(run: LabelRun, _inputs: readonly string[], tools: CallTools): Promise<string> {
  await encryptLabels(run, tools);
  return submitBlock(run, 0, 0, tools);
}

/** Submits the next block, or the end: after the last iteration, and when everybody was told to stop. */
export async function proceed(
  run: LabelRun,
  iteration: number,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const stop = findStop(inputs);
  if (stop !== undefined) return submitEnd(run, decodeMessage(Stopped, stop).iteration, tools);
  if (iteration >= run.training.parameters.iterations) return submitEnd(run, iteration, tools);
  return submitBlock(run, iteration, 0, tools);
}

/** Where a run stands: the first iteration that has not been opened. */
export function standOf({ lastOpened }: { readonly lastOpened: string | null }): number {
  return lastOpened === null ? 0 : decodeMessage(OpenOutput, lastOpened).iteration + 1;
}

/**
 * Submits a block from where the run stands, after a failure.
 *
 * @param attempt larger than every earlier one: its pads are fresh
 */
export async function restart(
  run: LabelRun,
  { attempt }: Turn,
  _inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const memory = await encryptLabels(run, tools);
  const iteration = standOf(memory);
  if (memory.stopped !== null || iteration >= run.training.parameters.iterations)
    return submitEnd(run, iteration, tools);
  return submitBlock(run, iteration, attempt, tools);
}

async function submitBlock(run: LabelRun, from: number, attempt: number, tools: CallTools): Promise<string> {
  const { training } = run;
  const to = Math.min(from + training.blockIterations, training.parameters.iterations);
  const specs = blockWorkflow(graphOf(training), { from, to, attempt });
  return submitOnce(run, `iterations ${from} to ${to - 1}, attempt ${attempt}`, specs, 'continue', to, tools);
}

async function submitEnd(run: LabelRun, iteration: number, tools: CallTools): Promise<string> {
  const specs = finishWorkflow(graphOf(run.training), iteration, run.training.holdoutEvery > 0);
  return submitOnce(run, `end after ${iteration} iterations`, specs, 'report', iteration, tools);
}

/**
 * A crash may come between submitting and remembering it; then the workflow is found by its last node. Were it submitted
 * twice all the same, the parties would refuse the second as stale.
 */
async function submitOnce(
  run: LabelRun,
  next: string,
  specs: readonly FunctionSpec[],
  lastNode: string,
  iteration: number,
  tools: CallTools,
): Promise<string> {
  const memory = await recallLabels(run);
  const known = memory.submitted[next];
  if (known !== undefined) return outputOf(false, known, next);
  const found = await findSubmitted(run.desk, run.training, lastNode, iteration, tools);
  const workflowId = found ?? (await submit(run.desk, specs, tools));
  await run.store.commit({ ...memory, submitted: { ...memory.submitted, [next]: workflowId } });
  tools.log.info({ run: run.training.parameters.run, workflowId }, `submitted ${next}`);
  return outputOf(found === undefined, workflowId, next);
}

function outputOf(isNew: boolean, workflowId: string, next: string): string {
  return JSON.stringify({ kind: isNew ? 'submitted' : 'already submitted', workflowId, next });
}

async function submit(
  { client, colonyName }: Desk,
  functionSpecs: readonly FunctionSpec[],
  { signal }: CallTools,
): Promise<string> {
  const spec = { colonyName, functionSpecs: [...functionSpecs] };
  const { workflowId } = await client.submitWorkflowSpec({ spec }, { signal });
  return workflowId;
}

const WAITING = 0;
const MOST_LISTED = 100;

/** The workflow whose last node still waits, of this very training. */
async function findSubmitted(
  { client, colonyName, name }: Desk,
  training: Training,
  lastNode: string,
  iteration: number | undefined,
  { signal }: CallTools,
): Promise<string | undefined> {
  const { run } = training.parameters;
  const waiting = await client.getProcesses(
    { colonyName, executorType: '', label: labelOfRun(run), initiator: '', state: WAITING, count: MOST_LISTED },
    { signal },
  );
  const text = graphOf(training).training;
  return waiting.find(
    ({ spec }) =>
      spec.nodeName === lastNode &&
      spec.conditions.executorType === name &&
      spec.kwargs['training'] === text &&
      spec.kwargs['iteration'] === iteration,
  )?.workflowId;
}
