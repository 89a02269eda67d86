import type { FunctionSpec } from '../../../colony/messages/processes.ts';
import {
  finishWorkflow,
  fittingBlock,
  labelOfRun,
  setupWorkflow,
} from '../../../workflows/vertical-regression/builder.ts';
import type { Turn } from '../contexts.ts';
import { guardParameters } from '../guards.ts';
import { decodeMessage } from '../messages.ts';
import { readStop, StandOutput } from '../outputs.ts';
import { agreeOn, graphOf, requestDigest, Survey, type Training, type TrainingRequest } from '../training.ts';
import type { CallTools, Desk } from './desk.ts';
import { beginMemory, encryptLabels, type LabelRun, recallLabels } from './label-run.ts';
import { standOf } from './openings.ts';
import { expectAll, findStop, openStatementBy, openStatements } from './statements.ts';

/** How one workflow follows another: the label party submits the next when one has succeeded. */

/** Puts the surveys together and submits the set-up. What links end with is text for people and programs. */
export async function start(
  desk: Desk,
  request: TrainingRequest,
  surveys: readonly string[],
  tools: CallTools,
): Promise<string> {
  const said = await openSurveys(desk, request, surveys, tools);
  const training = agreeOn(
    request,
    said.map((text) => decodeMessage(Survey, text)),
  );
  // Before anybody has begun, and once for all.
  guardParameters(training.parameters);
  const found = await findSubmitted(desk, { training, lastNode: 'begin' }, tools);
  const workflowId = found ?? (await submit(desk, setupWorkflow(graphOf(training)), tools));
  return outputOf(found === undefined, workflowId, 'set-up');
}

/** Everybody's survey, each by itself. */
async function openSurveys(
  desk: Desk,
  request: TrainingRequest,
  surveys: readonly string[],
  { signal }: CallTools,
): Promise<string[]> {
  const digest = requestDigest(request);
  const texts: string[] = [];
  for (const [index, party] of [request.label, ...request.features].entries()) {
    const id = party === desk.name ? desk.identity.id : await desk.peers.idOf(party, signal);
    texts.push(openStatementBy(surveys[index] ?? '', digest, { about: 'survey', party }, id));
  }
  return texts;
}

/**
 * Submits the first block, once all parties are ready.
 *
 * @param inputs the word of all parties that join
 */
export async function begin(run: LabelRun, inputs: readonly string[], tools: CallTools): Promise<string> {
  const ready = expectAll(joinersOf(run.training), { about: 'ready', iteration: 0 });
  await openStatements(run, inputs, ready, tools.signal);
  const memory = await encryptLabels(run, tools);
  if (!memory.begun) await run.store.commit({ ...memory, begun: true });
  return submitBlock(run, 0, 0, tools);
}

/** Who joins, in the order of the set-up's processes. */
function joinersOf({ parameters }: Training): readonly string[] {
  const features = parameters.features.map(({ name }) => name);
  if (parameters.mode === 'single-key') return features;
  return parameters.mode === 'additive' ? [parameters.label, ...features] : [...features, parameters.label];
}

/** Submits the next block, or the end: after the last iteration, and when everybody was told to stop. */
export async function proceed(
  run: LabelRun,
  { iteration, attempt }: Turn,
  inputs: readonly string[],
  tools: CallTools,
): Promise<string> {
  const stop = readStop(inputs);
  if (stop !== undefined) {
    await findStop(run, inputs, tools.signal);
    return submitEnd(run, stop.iteration, attempt, tools);
  }
  const { openers } = graphOf(run.training);
  const opened = expectAll(openers, { about: 'opening', iteration: iteration - 1 });
  await openStatements(run, inputs, opened, tools.signal);
  if (iteration >= run.training.parameters.iterations) return submitEnd(run, iteration, attempt, tools);
  return submitBlock(run, iteration, 0, tools);
}

/**
 * Goes on after a failure: with the set-up, or with a block from where everybody stands.
 *
 * @param turn its attempt must be larger than every earlier one: the pads are fresh
 * @param stands of those who open beside the label party
 */
export async function restart(
  run: LabelRun,
  { attempt }: Turn,
  stands: readonly string[],
  tools: CallTools,
): Promise<string> {
  const { begun } = await beginMemory(run, tools);
  if (!begun) {
    const specs = setupWorkflow(graphOf(run.training));
    return submitOnce(run, { next: `set-up, attempt ${attempt}`, specs, lastNode: 'begin' }, tools);
  }
  const others = await openStands(run, attempt, stands, tools);
  const memory = await encryptLabels(run, tools);
  const iteration = Math.min(standOf(memory), ...others);
  const isOver = memory.stopped !== null || iteration >= run.training.parameters.iterations;
  return isOver ? submitEnd(run, iteration, attempt, tools) : submitBlock(run, iteration, attempt, tools);
}

/** Where the others who open stand. */
async function openStands(
  run: LabelRun,
  attempt: number,
  stands: readonly string[],
  { signal }: CallTools,
): Promise<number[]> {
  const { openers, label } = graphOf(run.training);
  const others = openers.filter((party) => party !== label);
  const expected = expectAll(others, { about: 'stand', iteration: 0, attempt });
  const texts = await openStatements(run, stands, expected, signal);
  return texts.map((text) => decodeMessage(StandOutput, text).iteration);
}

function submitBlock(run: LabelRun, from: number, attempt: number, tools: CallTools): Promise<string> {
  const { training } = run;
  const wanted = Math.min(from + training.blockIterations, training.parameters.iterations);
  const { to, specs } = fittingBlock(graphOf(training), { from, to: wanted, attempt });
  const next = `iterations ${from} to ${to - 1}, attempt ${attempt}`;
  return submitOnce(run, { next, specs, lastNode: 'continue', iteration: to, attempt }, tools);
}

function submitEnd(run: LabelRun, iteration: number, attempt: number, tools: CallTools): Promise<string> {
  const heldOut = run.training.holdoutEvery > 0;
  const next = `end after ${iteration} iterations, attempt ${attempt}`;
  const specs = finishWorkflow(graphOf(run.training), { iteration, attempt, heldOut });
  return submitOnce(run, { next, specs, lastNode: 'report', iteration, attempt }, tools);
}

/** A node by which a workflow of a training is found again. */
interface Landmark {
  readonly lastNode: string;
  readonly iteration?: number;
  readonly attempt?: number;
}

/** A workflow to submit; `next` says what it is for, and is said once in a run. */
interface Next extends Landmark {
  readonly next: string;
  readonly specs: readonly FunctionSpec[];
}

/**
 * A crash may come between submitting and remembering it; then the workflow is found by its last node. Were it submitted
 * twice all the same, the parties would refuse the second as stale.
 */
async function submitOnce(run: LabelRun, { next, specs, ...landmark }: Next, tools: CallTools): Promise<string> {
  const memory = await recallLabels(run);
  const known = memory.submitted[next];
  if (known !== undefined) return outputOf(false, known, next);
  const found = await findSubmitted(run.desk, { training: run.training, ...landmark }, tools);
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

/**
 * The workflow whose last node still waits, of this very training. Asked for by this party's executor type: a block has many
 * more processes than a server lists, of which few are this party's.
 */
async function findSubmitted(
  { client, colonyName, name }: Desk,
  { training, lastNode, iteration, attempt }: Landmark & { readonly training: Training },
  { signal }: CallTools,
): Promise<string | undefined> {
  const filter = { executorType: name, label: '', initiator: '', state: WAITING, count: MOST_LISTED };
  const waiting = await client.getProcesses({ colonyName, ...filter }, { signal });
  const { training: text } = graphOf(training);
  return waiting.find(
    ({ spec }) =>
      spec.nodeName === lastNode &&
      spec.label === labelOfRun(training.parameters.run) &&
      spec.kwargs['training'] === text &&
      spec.kwargs['iteration'] === iteration &&
      spec.kwargs['attempt'] === attempt,
  )?.workflowId;
}
