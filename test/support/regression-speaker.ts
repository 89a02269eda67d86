import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Identity, readIdentity } from '../../colony/identity.ts';
import { graphOf, type Training } from '../../executors/regression/training.ts';
import { node, specsOf } from '../../workflows/vertical-regression/nodes.ts';
import type { RegressionStage } from './regression-daemons.ts';
import { until } from './processes.ts';
import { reached, trainingOf } from './regression-seed.ts';
import { startSpeaker as startMember } from './speaker.ts';

/** A member that speaks where others should. */
export interface Speaker extends AsyncDisposable {
  readonly stage: RegressionStage;
  /** Its executor type: the function is `say`. */
  readonly type: string;
}

/** Starts a member's executor that says whatever it is told. */
export async function startSpeaker(stage: RegressionStage): Promise<Speaker> {
  const member = await startMember(stage.colony);
  return { stage, type: 'speaker', [Symbol.asyncDispose]: () => member.stop({ graceMs: 0 }) };
}

/** What a member asks a daemon of a run for. */
export interface Forgery {
  /** A name for it. */
  readonly name: string;
  readonly functionName: string;
  readonly party: string;
  /** What the process says that it depends on. */
  readonly inputs: readonly string[];
  readonly iteration?: number;
  readonly attempt?: number;
  /** What it says of the training that is not so. */
  readonly change?: Partial<Training>;
}

/** Asks a daemon for something on the strength of what the speaker says. @returns the error that it ends with */
export async function failureOf(speaker: Speaker, run: string, forgery: Forgery): Promise<string> {
  await ask(speaker, run, forgery);
  await reached(speaker.stage, run, forgery.name, 'failed');
  return errorOf(speaker.stage, run, forgery.name);
}

/** The same where it may be given. @returns `success`, or the error that it ends with */
export async function outcomeOf(speaker: Speaker, run: string, forgery: Forgery): Promise<string> {
  await ask(speaker, run, forgery);
  let outcome = '';
  await until(async () => {
    const done = await speaker.stage.processes(run, 'success');
    outcome = done.some(({ spec }) => spec.nodeName === forgery.name)
      ? 'success'
      : await errorOf(speaker.stage, run, forgery.name);
    return outcome !== '';
  });
  return outcome;
}

async function ask({ stage, type }: Speaker, run: string, forgery: Forgery): Promise<void> {
  const { name, functionName, party, inputs, iteration = 0, attempt = 0, change } = forgery;
  const { colonyName } = stage.colony;
  const graph = graphOf({ ...(await trainingOf(stage, run)), ...change });
  const says = inputs.map((text, index) => node(`${name}-${index}`, 'say', type, [], { text }));
  const turn = { training: graph.training, iteration, attempt };
  const names = says.map((said) => said.name);
  const functionSpecs = specsOf(graph, [...says, node(name, functionName, party, names, turn)]);
  await stage.client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
}

async function errorOf(stage: RegressionStage, run: string, name: string): Promise<string> {
  const failed = (await stage.processes(run, 'failed')).find(({ spec }) => spec.nodeName === name);
  return failed?.errors.join() ?? '';
}

/** What a process of a run ended with. */
export async function outputOf(stage: RegressionStage, run: string, name: string): Promise<string> {
  const done = (await stage.processes(run, 'success')).find(({ spec }) => spec.nodeName === name);
  if (done === undefined) throw new Error(`expected ${name} of ${run} to have succeeded`);
  return String(done.output[0]);
}

/** The identity that a daemon signs with. */
export async function identityOf(stage: RegressionStage, party: string): Promise<Identity> {
  const path = join(stage.directory, party, 'identity.key');
  return readIdentity(await readFile(path, 'utf8'), path);
}
