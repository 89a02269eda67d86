import type { RequestOf } from '../../colony/messages/message.ts';
import {
  assignProcess,
  closeFailed,
  closeSuccessful,
  type FunctionSpec,
  type Process,
} from '../../colony/messages/processes.ts';
import { submitWorkflowSpec, type Workflow } from '../../colony/messages/workflows.ts';
import { rpc } from './rpc.ts';
import { functionSpec, type TestColony, type TestExecutor } from './test-colony.ts';

/** Options of a server whose deadlines are looked at often. */
export const quick = { sweepIntervalMs: 20 };

/** Asks for a process; 10 s of patience unless told otherwise. */
export function assign(
  colony: TestColony,
  executor: TestExecutor,
  wanted: Partial<RequestOf<typeof assignProcess>> = {},
  signal?: AbortSignal,
): Promise<Process> {
  const request = {
    colonyName: colony.colonyName,
    timeoutSeconds: 10,
    availableCpu: '',
    availableMemory: '',
    ...wanted,
  };
  return rpc(colony.address, executor.identity, assignProcess, request, signal === undefined ? {} : { signal });
}

/** Ends a process well. */
export function succeed(
  colony: TestColony,
  executor: TestExecutor,
  { processId }: Pick<Process, 'processId'>,
  output: readonly unknown[] = [],
): Promise<undefined> {
  return colony.call(executor.identity, closeSuccessful, { processId, output });
}

/** Ends a process as failed. */
export function fail(
  colony: TestColony,
  executor: TestExecutor,
  { processId }: Pick<Process, 'processId'>,
  errors: readonly string[] = [],
): Promise<undefined> {
  return colony.call(executor.identity, closeFailed, { processId, errors });
}

/** Submits a workflow whose nodes all run on one executor type: node names and what they depend on. */
export function submitGraph(
  colony: TestColony,
  executorType: string,
  graph: Readonly<Record<string, readonly string[]>>,
  spec: Partial<Omit<FunctionSpec, 'conditions'>> = {},
): Promise<Workflow> {
  const functionSpecs = Object.entries(graph).map(([nodeName, dependencies]) =>
    functionSpec('', executorType, { ...spec, nodeName, conditions: { dependencies } }),
  );
  return colony.call(colony.user, submitWorkflowSpec, { spec: { colonyName: colony.colonyName, functionSpecs } });
}

/** The processes of a workflow by node name. */
export async function nodesOf(colony: TestColony, workflow: Workflow): Promise<Record<string, Process>> {
  const processes = await Promise.all(workflow.processIds.map((processId) => colony.getProcess(processId)));
  return Object.fromEntries(processes.map((process) => [process.spec.nodeName, process]));
}
