import * as z from 'zod';
import { addColony, addUser } from '../../colony/messages/colonies.ts';
import { addCron, type Cron, getCron, removeCron } from '../../colony/messages/crons.ts';
import { generateIdentity } from '../../colony/identity.ts';
import type { Generator } from '../../colony/messages/generators.ts';
import { getProcesses, type Process } from '../../colony/messages/processes.ts';
import { WorkflowSpec } from '../../colony/messages/workflows.ts';
import type { ServerOptions } from '../../server/index.ts';
import { until } from './processes.ts';
import { quick } from './server-calls.ts';
import { functionSpec, startTestColony, type TestColony } from './test-colony.ts';

/** What the tests of crons and generators share. */

/** The JSON text of a workflow: node names and what they depend on. */
export function workflowText(
  graph: Readonly<Record<string, readonly string[]>>,
  executorType = 'worker',
  colonyName = 'test',
): string {
  const functionSpecs = Object.entries(graph).map(([nodeName, dependencies]) =>
    functionSpec('', executorType, { nodeName, conditions: { dependencies } }),
  );
  return JSON.stringify(z.encode(WorkflowSpec, { colonyName, functionSpecs }));
}

/** A cron of one node every ten seconds, unless told otherwise. */
export function cronOf(cron: Partial<Cron> = {}): Cron {
  return {
    cronId: '',
    initiatorId: '',
    initiatorName: '',
    colonyName: 'test',
    name: 'cron',
    cronExpression: '',
    intervalSeconds: 10,
    random: false,
    workflowSpec: workflowText({ a: [] }),
    previousWorkflowId: '',
    waitForPreviousWorkflow: false,
    checkerPeriodMs: 0,
    ...cron,
  };
}

/** A generator of one node for every two texts, unless told otherwise. */
export function generatorOf(generator: Partial<Generator> = {}): Generator {
  return {
    generatorId: '',
    initiatorId: '',
    initiatorName: '',
    colonyName: 'test',
    name: 'generator',
    workflowSpec: workflowText({ a: [] }),
    trigger: 2,
    timeoutSeconds: -1,
    queueSize: 0,
    checkerPeriodMs: 0,
    ...generator,
  };
}

/** A colony whose time passes only when told. */
export async function startColonyWithClock(options: Partial<ServerOptions> = {}) {
  let nowMs = Date.UTC(2026, 10, 20, 12);
  const colony = await startTestColony({ ...quick, ...options, clock: () => nowMs });
  return {
    colony,
    now: () => new Date(nowMs),
    pass: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
}

/** The processes of an executor type, in whatever state, oldest first. */
export async function processesOf(colony: TestColony, executorType = 'worker'): Promise<readonly Process[]> {
  const ask = (state: number) =>
    colony.call(colony.user, getProcesses, {
      colonyName: 'test',
      count: 100,
      state,
      executorType,
      label: '',
      initiator: '',
    });
  const lists = await Promise.all([0, 1, 2, 3, 4].map(ask));
  return lists.flat().toSorted((one, other) => Number(one.submissionTime) - Number(other.submissionTime));
}

/**
 * Lets a second pass, and waits until the server has looked for what has come due since: a cron that comes due last has
 * run.
 */
export async function lookAgain({
  colony,
  pass,
}: Pick<Awaited<ReturnType<typeof startColonyWithClock>>, 'colony' | 'pass'>) {
  const cron = cronOf({ name: 'witness', intervalSeconds: 1, workflowSpec: workflowText({ a: [] }, 'witness') });
  const { cronId } = await colony.call(colony.user, addCron, { cron });
  pass(1);
  await until(async () => (await colony.call(colony.user, getCron, { cronId })).lastRun !== undefined);
  await colony.call(colony.user, removeCron, { cronId });
}

/** A second colony on the same server, with a user. */
export async function addNeighbour(colony: TestColony) {
  const [owner, user] = [generateIdentity(), generateIdentity()];
  await colony.call(colony.serverOwner, addColony, { colony: { colonyId: owner.id, name: 'neighbour' } });
  const added = { colonyName: 'neighbour', userId: user.id, name: 'user', email: '', phone: '' };
  await colony.call(owner, addUser, { user: added });
  return { owner, user };
}
