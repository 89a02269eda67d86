import type { FunctionSpec } from '../colony/messages/processes.ts';
import type { WorkflowSpec } from '../colony/messages/workflows.ts';
import { UserError } from '../colony/errors.ts';
import { describe } from '../colony/schema-errors.ts';
import { type Findings, isObject, readFunctionSpec, refuseProblems, requireText } from './function-spec.ts';
import { parseJson } from '../colony/json-text.ts';
import { misspeltPlaceholders } from './public-key.ts';

/** A workflow read from a file, and oddities that do not keep it from being submitted. */
export interface ParsedWorkflow {
  readonly spec: WorkflowSpec;
  readonly warnings: readonly string[];
}

/**
 * Reads a workflow: the bare list of function specs that the official command line takes, or an object
 * `{"colonyname", "functionspecs"}`. Everything that a server would refuse, or accept and never finish (a cycle, a node
 * that depends on itself), is refused here.
 *
 * @param fileName named in every message
 * @param colonyName the colony to submit to when the file names none
 * @throws UserError listing all problems, each with file, JSON path and node
 */
export function parseWorkflow(text: string, fileName: string, colonyName = ''): ParsedWorkflow {
  const document = parseJson(text, fileName);
  const { entries, path, ownColony } = unwrap(document, fileName);
  if (entries.length === 0) throw new UserError(`${fileName}: ${path}: expected at least one function spec, got none`);
  const findings: Findings = { problems: [], warnings: [] };
  const functionSpecs = entries.flatMap((entry, index) => readNode(entry, `${path}[${index}]`, findings) ?? []);
  if (findings.problems.length === 0) checkGraph(functionSpecs, path, findings);
  refuseProblems(fileName, findings);
  for (const [index, spec] of functionSpecs.entries()) warnOddities(spec, `${path}[${index}]`, findings);
  return {
    spec: { colonyName: ownColony || colonyName, functionSpecs },
    warnings: findings.warnings.map((warning) => `${fileName}: ${warning}`),
  };
}

/** Names of the nodes that nothing depends on: their outputs are the workflow's results. In the order of the spec. */
export function leafNames(spec: WorkflowSpec): string[] {
  const parents = new Set(spec.functionSpecs.flatMap(({ conditions }) => conditions.dependencies));
  return spec.functionSpecs.map(({ nodeName }) => nodeName).filter((name) => !parents.has(name));
}

/**
 * A cycle among dependencies, as the names along it with the first one repeated at the end; nothing when there is none.
 * Dependencies on unknown nodes are ignored.
 */
export function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const left = nodesOnOrAboveCycles(dependencies);
  const trail: string[] = [];
  let [name] = left;
  while (name !== undefined) {
    const seenAt = trail.indexOf(name);
    if (seenAt >= 0) return [...trail.slice(seenAt), name];
    trail.push(name);
    // Every node that is left depends on another one that is left, or it would have been taken away.
    name = dependencies.get(name)?.find((dependency) => left.has(dependency));
  }
  return undefined;
}

/** Takes away nodes whose dependencies are all taken away (Kahn 1962) until none is left that can be. */
function nodesOnOrAboveCycles(dependencies: ReadonlyMap<string, readonly string[]>): Set<string> {
  const unresolved = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const [name, names] of dependencies) {
    const known = names.filter((dependency) => dependencies.has(dependency));
    unresolved.set(name, known.length);
    for (const dependency of known) dependents.set(dependency, [...(dependents.get(dependency) ?? []), name]);
  }
  const left = new Set(dependencies.keys());
  const free = [...left].filter((name) => unresolved.get(name) === 0);
  for (let name = free.pop(); name !== undefined; name = free.pop()) {
    left.delete(name);
    for (const dependent of dependents.get(name) ?? []) {
      const count = (unresolved.get(dependent) ?? 0) - 1;
      unresolved.set(dependent, count);
      if (count === 0) free.push(dependent);
    }
  }
  return left;
}

function unwrap(document: unknown, fileName: string): { entries: unknown[]; path: string; ownColony: string } {
  if (Array.isArray(document)) return { entries: document, path: '$', ownColony: '' };
  if (!isObject(document)) {
    throw new UserError(`${fileName}: expected a workflow (a list of function specs), got ${describe(document)}`);
  }
  const { functionspecs: entries, colonyname: ownColony } = document;
  if (entries === undefined && 'funcname' in document) {
    throw new UserError(
      `${fileName}: expected a workflow (a list of function specs), got one function spec; submit it with "colonies function submit --spec ${fileName}"`,
    );
  }
  if (!Array.isArray(entries)) {
    throw new UserError(`${fileName}: $.functionspecs: expected a list of function specs, got ${describe(entries)}`);
  }
  return { entries, path: '$.functionspecs', ownColony: typeof ownColony === 'string' ? ownColony : '' };
}

function readNode(entry: unknown, path: string, findings: Findings): FunctionSpec | undefined {
  if (isObject(entry)) requireText(entry, 'nodename', path, findings);
  return readFunctionSpec(entry, isObject(entry) ? nodePath(path, entry['nodename']) : path, findings);
}

function nodePath(path: string, name: unknown): string {
  return typeof name === 'string' && name !== '' ? `${path} (node "${name}")` : path;
}

function checkGraph(specs: readonly FunctionSpec[], path: string, { problems }: Findings): void {
  const dependencies = new Map<string, readonly string[]>();
  const firstIndex = new Map<string, number>();
  for (const [index, { nodeName, conditions }] of specs.entries()) {
    const first = firstIndex.get(nodeName);
    if (first !== undefined) {
      problems.push(
        `${path}[${index}].nodename: expected a name used once, got "${nodeName}" again (as ${path}[${first}])`,
      );
      continue;
    }
    firstIndex.set(nodeName, index);
    dependencies.set(nodeName, conditions.dependencies);
  }
  for (const [index, spec] of specs.entries()) checkDependencies(spec, `${path}[${index}]`, dependencies, problems);
  if (problems.length > 0) return;
  const cycle = findCycle(dependencies);
  if (cycle !== undefined) {
    const names = cycle.map((name) => `"${name}"`).join(' -> ');
    problems.push(
      `${path}: expected nodes without circular dependencies, got the cycle ${names} (-> means "depends on")`,
    );
  }
}

function checkDependencies(
  { nodeName, conditions }: FunctionSpec,
  path: string,
  known: ReadonlyMap<string, readonly string[]>,
  problems: string[],
): void {
  for (const [index, dependency] of conditions.dependencies.entries()) {
    const where = `${path} (node "${nodeName}").conditions.dependencies[${index}]`;
    if (dependency === nodeName) problems.push(`${where}: expected another node, got the node itself`);
    else if (!known.has(dependency)) {
      problems.push(
        `${where}: expected the name of a node, got "${dependency}"; nodes: ${listNames([...known.keys()])}`,
      );
    }
  }
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return names.length > shown.length ? `${shown.join(', ')}, ...` : shown.join(', ');
}

function warnOddities(spec: FunctionSpec, path: string, { warnings }: Findings): void {
  const where = nodePath(path, spec.nodeName);
  const { dependencies } = spec.conditions;
  const repeated = dependencies.find((name, index) => dependencies.indexOf(name) !== index);
  if (repeated !== undefined) {
    warnings.push(`${where}.conditions.dependencies: "${repeated}" is listed twice, so its output arrives twice`);
  }
  warnings.push(...misspeltPlaceholders(spec, where));
}
