import type { ColoniesClient } from '../../colony/client.ts';
import { ColonyError, toError, UserError } from '../../colony/errors.ts';
import type { Process } from '../../colony/messages/processes.ts';
import type { Workflow, WorkflowSpec } from '../../colony/messages/workflows.ts';
import type { WorkflowProgress } from '../../colony/subscription.ts';
import { PUBLIC_KEY_PLACEHOLDER } from '../../workflows/public-key.ts';
import { leafNames } from '../../workflows/spec.ts';
import { defineCommand, EXIT_CODES } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { memberKey } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { describeError } from '../framework/refusals.ts';
import type { Report } from '../framework/report.ts';
import { printableLine } from '../framework/text.ts';
import type { Waiting } from '../views/company.ts';
import { loadWorkflow, workflowFileOptions } from '../views/workflow-file.ts';

/** `colonies workflow submit` */
export const workflowSubmit = defineCommand({
  describe: 'Submit a workflow',
  details: [
    'The file is a list of function specs, as the official command line takes it, or {"colonyname", "functionspecs"}. It is checked before anything is sent.',
    `A named argument with the value "${PUBLIC_KEY_PLACEHOLDER}" is replaced by the public key of the local key pair; a key that the file carries itself is left alone.`,
    'Prints the ids of the workflow and of its processes by node name; with --wait, the process id of the result (of every node that nothing depends on).',
  ].join('\n'),
  options: {
    ...workflowFileOptions,
    wait: { type: 'boolean', describe: 'follow the workflow to its end; exit code 3 when it fails' },
    timeout: {
      type: 'number',
      describe: 'with --wait, give up after so many seconds (default: never)',
      minimum: 0,
      fraction: true,
    },
    ...memberKey,
  },
  examples: [
    ['workflow submit --spec workflows/hospital-sum/workflow.json', 'the sum of two hospitals'],
    ['decrypt $(colonies workflow submit --spec workflow.json --wait)', 'submit, wait and read the result'],
  ],
  async run(args, context) {
    // The file first: what is wrong with it can be told without a server or a key.
    const { colonyName } = await context.environment(args);
    const spec = await loadWorkflow(args, colonyName, context);
    const bridgeMs = args.wait ? PATIENT_BRIDGE_MS : 0;
    const connection = await context.connect('member', args, { bridgeMs });
    const submitted = await submit(connection, spec, context);
    if (!args.wait) return submittedReport(submitted);
    showIds(submitted, context);
    return waitForEnd(connection, spec, submitted, args.timeout, context);
  },
});

/** A submitted workflow: the process id of every node, in the order of the spec. */
interface Submitted {
  readonly workflow: Workflow;
  readonly processIds: ReadonlyMap<string, string>;
}

async function submit({ client }: Connection, spec: WorkflowSpec, { io }: Context): Promise<Submitted> {
  const { workflowId } = await client.submitWorkflowSpec({ spec });
  try {
    return await readSubmitted(client, workflowId, spec, io.signal);
  } catch (thrown) {
    throw new UserError(
      `workflow ${workflowId}: submitted, but its processes could not be asked for; look at it with ` +
        `"colonies workflow get ${workflowId}"\n${describeError(toError(thrown))}`,
      { cause: thrown },
    );
  }
}

async function readSubmitted(
  client: ColoniesClient,
  workflowId: string,
  spec: WorkflowSpec,
  signal: AbortSignal,
): Promise<Submitted> {
  const { getNodes } = await import('../views/workflow.ts');
  const workflow = await client.getWorkflow({ workflowId }, { signal });
  const nodes = await getNodes(client, workflow.processIds, signal);
  const ids = new Map(nodes.map((node) => [node.spec.nodeName, node.processId]));
  const processIds = new Map(spec.functionSpecs.map(({ nodeName }) => [nodeName, ids.get(nodeName) ?? '']));
  return { workflow, processIds };
}

function submittedReport(submitted: Submitted): Report {
  return { json: describeSubmitted(submitted), show: (out) => out.facts(idRows(submitted)) };
}

function describeSubmitted({ workflow, processIds }: Submitted) {
  const { workflowId, colonyName } = workflow;
  return { workflowId, colonyName, processIds: Object.fromEntries(processIds) };
}

function idRows({ workflow, processIds }: Submitted): [string, string][] {
  return [['Workflow', workflow.workflowId], ...processIds];
}

function showIds(submitted: Submitted, context: Context): void {
  context.talk.facts(idRows(submitted));
}

async function waitForEnd(
  connection: Connection,
  spec: WorkflowSpec,
  submitted: Submitted,
  timeoutSeconds: number | undefined,
  context: Context,
): Promise<Report> {
  try {
    return endReport(spec, submitted, await follow(connection, submitted, timeoutSeconds, context));
  } catch (thrown) {
    if (!(thrown instanceof ColonyError) || thrown.code !== 'WAIT_TIMEOUT') throw thrown;
    const { error: exitCode } = EXIT_CODES;
    context.say(`error: ${thrown.message}`);
    const json = { ...describeSubmitted(submitted), state: 'running', error: thrown.message, exitCode };
    return { json, show: () => undefined, exitCode };
  }
}

async function follow(
  connection: Connection,
  submitted: Submitted,
  timeoutSeconds: number | undefined,
  { io: { signal, stderr } }: Context,
): Promise<WorkflowProgress> {
  const { followWorkflow } = await import('../../colony/subscription.ts');
  const { keepCompany } = await import('../views/company.ts');
  const { createProgress } = await import('../views/workflow-progress.ts');
  const { workflowId } = submitted.workflow;
  const progress = createProgress(stderr);
  let seen: readonly Process[] = [];
  const waiting: Waiting = {
    look: async () => seen,
    say: progress.say,
    signal,
    goesOn: `The workflow goes on; look at it with "colonies workflow get ${workflowId}"`,
  };
  return keepCompany(connection, waiting, () =>
    followWorkflow(connection.client, {
      workflowId,
      signal,
      timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
      retry: { forMs: PATIENT_BRIDGE_MS },
      onProgress(processes) {
        seen = inOrderOf(submitted, processes);
        progress.show(seen.map(({ spec: { nodeName }, state }) => ({ nodeName, state })));
      },
    }),
  );
}

function endReport(spec: WorkflowSpec, submitted: Submitted, { workflow, processes }: WorkflowProgress): Report {
  const { state } = workflow;
  const nodes = inOrderOf(submitted, processes);
  const results = leafNames(spec).map((name): [string, string] => [name, submitted.processIds.get(name) ?? '']);
  const failures = nodes.filter(({ errors }) => errors.length > 0);
  return {
    json: {
      ...describeSubmitted(submitted),
      state,
      results: Object.fromEntries(results),
      ...(results.length === 1 ? { resultProcessId: results[0]?.[1] } : {}),
      errors: Object.fromEntries(failures.map(({ spec: { nodeName }, errors }) => [nodeName, errors])),
    },
    show(out, talk) {
      const [first] = results;
      if (state !== 'success') talk.line(describeFailure(submitted, state, failures));
      else if (results.length === 1 && first !== undefined) out.line(first[1]);
      else out.facts(results);
    },
    exitCode: state === 'success' ? EXIT_CODES.success : EXIT_CODES.failedWork,
  };
}

/** Processes in the order of the spec; those that were added on the way come last. */
function inOrderOf({ processIds }: Submitted, processes: readonly Process[]): readonly Process[] {
  const order = new Map([...processIds.values()].map((processId, index) => [processId, index]));
  const positionOf = ({ processId }: Process): number => order.get(processId) ?? order.size;
  return processes.toSorted((one, other) => positionOf(one) - positionOf(other));
}

function describeFailure({ workflow }: Submitted, state: string, failures: readonly Process[]): string {
  const lines = failures.flatMap(({ spec, errors }) =>
    errors.map((error) => `  ${spec.nodeName}: ${printableLine(error)}`),
  );
  return [`Workflow ${workflow.workflowId}: ${state}`, ...lines].join('\n');
}
