import type { Workflow } from '../../colony/messages/workflows.ts';
import { PROCESS_STATES } from '../../colony/messages/processes.ts';
import { layOut, STATE } from '../graph.ts';
import type { Database } from './database.ts';
import { fitting, toDate } from './values.ts';

/** One row of `workflows`. */
export interface WorkflowRow {
  readonly sequence: number;
  readonly workflow_id: string;
  readonly colony_name: string;
  readonly initiator_id: string;
  readonly initiator_name: string;
  readonly state: number;
  readonly submission_ms: number;
  readonly start_ms: number | null;
  readonly end_ms: number | null;
  /** How many of its processes wait, and so on. */
  readonly waiting_count: number;
  readonly running_count: number;
  readonly success_count: number;
  readonly failed_count: number;
  readonly cancelled_count: number;
}

interface NodeRow {
  readonly process_id: string;
  readonly node_name: string;
  readonly state: number;
}

interface EdgeRow {
  readonly parent_id: string;
  readonly child_id: string;
}

/** In a list: its id, twice for a root. */
const BYTES_PER_NODE = 2 * 67;
const BACKGROUNDS = ['#eee8d8', '#4689cd', '#92d050', '#cb4239', '#f5a623'] as const;

/** The row of a workflow, if there is such a workflow. */
export function findWorkflow(database: Database, workflowId: string): WorkflowRow | undefined {
  return database.get<WorkflowRow>('SELECT * FROM workflows WHERE workflow_id = ?', workflowId);
}

/** A workflow as clients see it; its process ids stand in the order in which they were submitted. */
export function toWorkflow(database: Database, row: WorkflowRow): Workflow {
  return describe(row, nodesOf(database, row.workflow_id), edgesOf(database, row.workflow_id), true);
}

function describe(row: WorkflowRow, nodes: readonly NodeRow[], edges: readonly EdgeRow[], isDrawn: boolean): Workflow {
  const withParents = new Set(edges.map(({ child_id }) => child_id));
  return {
    workflowId: row.workflow_id,
    initiatorId: row.initiator_id,
    initiatorName: row.initiator_name,
    colonyName: row.colony_name,
    rootProcessIds: nodes.map((node) => node.process_id).filter((processId) => !withParents.has(processId)),
    state: PROCESS_STATES[row.state] ?? 'waiting',
    submissionTime: toDate(row.submission_ms),
    startTime: toDate(row.start_ms),
    endTime: toDate(row.end_ms),
    processIds: nodes.map((node) => node.process_id),
    ...(isDrawn ? picture(nodes, edges) : { nodes: [], edges: [] }),
  };
}

/** Workflows in one state, newest first, as far as they fit into one answer; without their pictures. */
export function listWorkflows(database: Database, colonyName: string, state: number, count: number): Workflow[] {
  const found = database.all<WorkflowRow>(
    'SELECT * FROM workflows WHERE colony_name = ? AND state = ? ORDER BY sequence DESC LIMIT ?',
    colonyName,
    state,
    count,
  );
  return fitting(found, (row) => nodeCountOf(row) * BYTES_PER_NODE).map((row) =>
    describe(row, nodesOf(database, row.workflow_id), edgesOf(database, row.workflow_id), false),
  );
}

/** How many nodes a workflow has. */
export function nodeCountOf(row: WorkflowRow): number {
  return row.waiting_count + row.running_count + row.success_count + row.failed_count + row.cancelled_count;
}

function nodesOf(database: Database, workflowId: string): NodeRow[] {
  return database.all<NodeRow>(
    'SELECT process_id, node_name, state FROM processes WHERE workflow_id = ? ORDER BY sequence',
    workflowId,
  );
}

function edgesOf(database: Database, workflowId: string): EdgeRow[] {
  return database.all<EdgeRow>(
    `SELECT DISTINCT edges.parent_id, edges.child_id FROM edges JOIN processes ON processes.process_id = edges.child_id
     WHERE processes.workflow_id = ? ORDER BY processes.sequence, edges.position`,
    workflowId,
  );
}

function picture(nodes: readonly NodeRow[], edges: readonly EdgeRow[]): Pick<Workflow, 'nodes' | 'edges'> {
  const parents = new Map<string, string[]>(nodes.map((node) => [node.process_id, []]));
  for (const edge of edges) parents.get(edge.child_id)?.push(edge.parent_id);
  const withChildren = new Set(edges.map((edge) => edge.parent_id));
  const positions = layOut(parents);
  const states = new Map(nodes.map((node) => [node.process_id, node.state]));
  return {
    nodes: nodes.map((node) => ({
      processId: node.process_id,
      data: { label: node.node_name },
      position: positions.get(node.process_id) ?? { x: 0, y: 0 },
      type: nodeType(parents.get(node.process_id)?.length === 0, withChildren.has(node.process_id)),
      style: { color: '', background: BACKGROUNDS[node.state] ?? '' },
    })),
    edges: edges.map((edge) => ({
      edgeId: `${edge.parent_id}-${edge.child_id}`,
      source: edge.parent_id,
      target: edge.child_id,
      animated: states.get(edge.child_id) === STATE.running,
    })),
  };
}

function nodeType(isRoot: boolean, hasChildren: boolean): string {
  if (isRoot) return 'input';
  return hasChildren ? '' : 'output';
}
