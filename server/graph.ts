import { MAX_NODE_DEPENDENCIES, MAX_WORKFLOW_DEPENDENCIES, MAX_WORKFLOW_NODES } from './limits.ts';

/**
 * The logic of workflows, free of any storage: which specs form a DAG, which nodes are ready, what a failure takes with
 * it, what a node receives, and how a picture of it is laid out.
 */

/** A node of a workflow that is about to be submitted. */
export interface GraphNodeSpec {
  readonly nodeName: string;
  /** Names of the nodes whose output it needs, in the order in which it wants them. */
  readonly dependencies: readonly string[];
}

/** Why a workflow cannot be accepted. */
export class InvalidGraphError extends Error {
  override readonly name = 'InvalidGraphError';
}

/**
 * Checks that nodes form a DAG of a size that can be handled: at least one node, every node named, names unique,
 * dependencies known and named once, no cycle.
 *
 * @throws InvalidGraphError that names the nodes at fault
 */
export function validateGraph(nodes: readonly GraphNodeSpec[]): void {
  if (nodes.length === 0) throw new InvalidGraphError('Failed to submit workflow, the workflow has no nodes');
  requireSize('nodes', nodes.length, MAX_WORKFLOW_NODES);
  for (const { dependencies } of nodes)
    requireSize('dependencies of a node', dependencies.length, MAX_NODE_DEPENDENCIES);
  const dependencyCount = nodes.reduce((count, { dependencies }) => count + dependencies.length, 0);
  requireSize('dependencies', dependencyCount, MAX_WORKFLOW_DEPENDENCIES);
  const byName = indexByName(nodes);
  for (const node of nodes) requireDependencies(node, byName);
  const cycle = findCycle(nodes, byName);
  if (cycle !== undefined) {
    throw new InvalidGraphError(`Failed to submit workflow, the dependencies form a cycle: ${cycle.join(' -> ')}`);
  }
}

function requireSize(what: string, count: number, limit: number): void {
  if (count <= limit) return;
  throw new InvalidGraphError(`Failed to submit workflow, expected at most ${limit} ${what}, got ${count}`);
}

function indexByName(nodes: readonly GraphNodeSpec[]): ReadonlyMap<string, GraphNodeSpec> {
  const byName = new Map<string, GraphNodeSpec>();
  for (const node of nodes) {
    if (node.nodeName === '') throw new InvalidGraphError('Nodename is missing, check function spec for errors');
    if (byName.has(node.nodeName)) throw new InvalidGraphError(`Duplicate nodename: ${node.nodeName}`);
    byName.set(node.nodeName, node);
  }
  return byName;
}

function requireDependencies(
  { nodeName, dependencies }: GraphNodeSpec,
  byName: ReadonlyMap<string, GraphNodeSpec>,
): void {
  const seen = new Set<string>();
  for (const dependency of dependencies) {
    if (seen.has(dependency)) {
      throw new InvalidGraphError(
        `Failed to submit workflow, ${nodeName} depends on ${dependency} more than once; name each dependency once`,
      );
    }
    seen.add(dependency);
    if (!byName.has(dependency)) {
      throw new InvalidGraphError(
        `Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits? (${nodeName} depends on ${dependency})`,
      );
    }
  }
}

function findCycle(
  nodes: readonly GraphNodeSpec[],
  byName: ReadonlyMap<string, GraphNodeSpec>,
): readonly string[] | undefined {
  const ordered = new Set(parentsFirst(new Map(nodes.map(({ nodeName, dependencies }) => [nodeName, dependencies]))));
  const staying = new Set(nodes.map(({ nodeName }) => nodeName).filter((name) => !ordered.has(name)));
  const [start] = staying;
  return start === undefined ? undefined : walkToCycle(start, byName, staying);
}

/**
 * The nodes in an order in which each comes after its parents (Kahn 1962), in time linear in nodes and edges. What
 * depends on a cycle is left out.
 */
function parentsFirst(parents: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const children = new Map<string, string[]>();
  const missing = new Map<string, number>();
  for (const [nodeId, above] of parents) {
    missing.set(nodeId, above.length);
    for (const parent of above) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [nodeId]);
      else known.push(nodeId);
    }
  }
  const ordered = [...parents.keys()].filter((nodeId) => missing.get(nodeId) === 0);
  // The list grows while it is walked.
  for (const nodeId of ordered) {
    for (const child of children.get(nodeId) ?? []) {
      const left = (missing.get(child) ?? 0) - 1;
      missing.set(child, left);
      if (left === 0) ordered.push(child);
    }
  }
  return ordered;
}

/** Every node that stays depends on another one that stays, so following these must come back to a node seen before. */
function walkToCycle(
  start: string,
  byName: ReadonlyMap<string, GraphNodeSpec>,
  staying: ReadonlySet<string>,
): readonly string[] {
  const path: string[] = [];
  const seenAt = new Map<string, number>();
  let name: string | undefined = start;
  while (name !== undefined && !seenAt.has(name)) {
    seenAt.set(name, path.length);
    path.push(name);
    name = byName.get(name)?.dependencies.find((dependency) => staying.has(dependency));
  }
  return [...path.slice(seenAt.get(name ?? start)), name ?? start].toReversed();
}

/** The numbers of the states of processes and workflows on the wire and in the store. */
export const STATE = { waiting: 0, running: 1, success: 2, failed: 3, cancelled: 4 } as const;

/** Whether a process in this state will not change any more. */
export function isFinalState(state: number): boolean {
  return state >= STATE.success;
}

/** The state of a workflow, from how many of its processes are in which state. */
export function workflowState(countByState: ReadonlyMap<number, number>): number {
  const count = (state: number): number => countByState.get(state) ?? 0;
  if (count(STATE.failed) > 0) return STATE.failed;
  if (count(STATE.cancelled) > 0) return STATE.cancelled;
  if (count(STATE.waiting) + count(STATE.running) === 0) return STATE.success;
  return count(STATE.success) + count(STATE.running) > 0 ? STATE.running : STATE.waiting;
}

/**
 * Every node below a node, each once, nearest first.
 *
 * @param childrenOf the direct children of a node
 */
export function descendants(nodeId: string, childrenOf: (nodeId: string) => readonly string[]): readonly string[] {
  const found = new Set<string>();
  let level: readonly string[] = [nodeId];
  while (level.length > 0) {
    level = [...new Set(level.flatMap(childrenOf))].filter((child) => !found.has(child));
    for (const child of level) found.add(child);
  }
  return [...found];
}

/**
 * What a node receives: the outputs of its parents one after the other, in the order of its dependencies.
 *
 * @param parentOutputs JSON texts of arrays, without white space around them
 * @returns the JSON text of one array
 */
export function joinOutputs(parentOutputs: readonly string[]): string {
  const elements = parentOutputs.map((output) => output.slice(1, -1)).filter((text) => text !== '');
  return `[${elements.join(',')}]`;
}

/** Where a node stands in a picture of its workflow. */
export interface NodePosition {
  readonly x: number;
  readonly y: number;
}

const COLUMN_WIDTH = 200;
const ROW_HEIGHT = 80;

/**
 * Lays a DAG out in rows: a node stands one row below the lowest of its parents, rows are centred.
 *
 * @param parents the parents of every node, nodes in the order in which they shall stand in their rows
 */
export function layOut(parents: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, NodePosition> {
  const rows = groupByDepth(parents);
  const widest = rows.reduce((width, row) => Math.max(width, row.length), 0);
  const positions = new Map<string, NodePosition>();
  for (const [depth, row] of rows.entries()) {
    const left = ((widest - row.length) * COLUMN_WIDTH) / 2;
    for (const [column, nodeId] of row.entries()) {
      positions.set(nodeId, { x: left + column * COLUMN_WIDTH, y: depth * ROW_HEIGHT });
    }
  }
  return positions;
}

function groupByDepth(parents: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const depths = new Map<string, number>();
  for (const nodeId of parentsFirst(parents)) {
    const above = (parents.get(nodeId) ?? []).map((parent) => depths.get(parent) ?? 0);
    depths.set(
      nodeId,
      above.reduce((deepest, depth) => Math.max(deepest, depth + 1), 0),
    );
  }
  const rows: string[][] = [];
  for (const nodeId of parents.keys()) (rows[depths.get(nodeId) ?? 0] ??= []).push(nodeId);
  return rows;
}
