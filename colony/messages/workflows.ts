import type * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { attempt, FunctionSpec, Process, ProcessState } from './processes.ts';
import { boolean, field, id, integer, list, number, text, time, wireObject } from './wire.ts';

const workflowSpecCodec = wireObject({
  colonyName: field('colonyname', text),
  functionSpecs: field('functionspecs', list(FunctionSpec)),
});
/** A DAG of function specs: each names its node and, in its conditions, the nodes it depends on. */
export interface WorkflowSpec extends z.output<typeof workflowSpecCodec> {}
/** @see {@link WorkflowSpec} */
export const WorkflowSpec: z.ZodType<WorkflowSpec> = workflowSpecCodec;

const GraphNode = wireObject({
  processId: field('id', text),
  data: field('data', wireObject({ label: field('label', text) })),
  position: field('position', wireObject({ x: field('x', number), y: field('y', number) })),
  type: field('type', text),
  style: field('style', wireObject({ color: field('color', text), background: field('background', text) })),
});

const GraphEdge = wireObject({
  edgeId: field('id', text),
  source: field('source', text),
  target: field('target', text),
  animated: field('animated', boolean),
});

const workflowCodec = wireObject({
  workflowId: field('processgraphid', id),
  initiatorId: field('initiatorid', text),
  initiatorName: field('initiatorname', text),
  colonyName: field('colonyname', text),
  rootProcessIds: field('rootprocessids', list(id)),
  state: field('state', ProcessState),
  submissionTime: field('submissiontime', time),
  startTime: field('starttime', time),
  endTime: field('endtime', time),
  processIds: field('processids', list(id)),
  nodes: field('nodes', list(GraphNode)),
  edges: field('edges', list(GraphEdge)),
});
/** A submitted workflow ("process graph" on the wire). */
export interface Workflow extends z.output<typeof workflowCodec> {}
/** @see {@link Workflow} */
export const Workflow: z.ZodType<Workflow> = workflowCodec;

const workflowId = field('processgraphid', text);

/** Submits a workflow. Role: member of the spec's colony. */
export const submitWorkflowSpec = defineMessage(
  'submitworkflowspecmsg',
  { spec: field('spec', WorkflowSpec) },
  Workflow,
);

/** One workflow with its nodes and edges. Role: member. */
export const getWorkflow = defineMessage('getprocessgraphmsg', { workflowId }, Workflow);

/** Workflows in one state, newest first, at most 100; without nodes and edges. Role: member. */
export const getWorkflows = defineMessage(
  'getprocessgraphsmsg',
  {
    colonyName: field('colonyname', text),
    count: field('count', integer),
    state: field('state', integer),
  },
  list(Workflow),
);

/** Removes a workflow that is not running, and its processes. Role: member. */
export const removeWorkflow = defineMessage('removeprocessgraphmsg', { workflowId }, Nothing);

/** Removes the workflows in a state (-1: all). Role: colony owner. */
export const removeAllWorkflows = defineMessage(
  'removeallprocessgraphsmsg',
  { colonyName: field('colonyname', text), state: field('state', integer) },
  Nothing,
);

/** Cancels every waiting or running process of a workflow. Role: member. */
export const cancelWorkflow = defineMessage('cancelprocessgraphmsg', { workflowId }, Nothing);

/** Adds a node below a running one. Role: the executor that runs the parent. */
export const addChild = defineMessage(
  'addchildmsg',
  {
    workflowId,
    /** Of the parent. */
    attempt,
    parentProcessId: field('parentprocessid', text),
    childProcessId: field('childprocessid', text),
    spec: field('spec', FunctionSpec),
    insert: field('insert', boolean),
  },
  Process,
);
