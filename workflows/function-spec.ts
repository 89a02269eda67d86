import * as z from 'zod';
import { UserError } from '../colony/errors.ts';
import { FunctionSpec } from '../colony/messages/processes.ts';
import { describe, formatIssues } from '../colony/schema-errors.ts';
import { parseJson } from '../colony/json-text.ts';
import { misspeltPlaceholders } from './public-key.ts';

/** What was found in a file: complaints that forbid its use, and oddities that do not. */
export interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

/** The function specs of a file. */
export interface ParsedFunctionSpecs {
  readonly specs: readonly FunctionSpec[];
  /** Whether the file holds a list of them. */
  readonly isList: boolean;
  readonly warnings: readonly string[];
}

/** The keys of function specs and conditions that Colonies servers know; they drop all others silently. */
const FUNCTION_KEYS = [
  'nodename',
  'funcname',
  'args',
  'kwargs',
  'priority',
  'maxwaittime',
  'maxexectime',
  'maxretries',
  'conditions',
  'label',
  'fs',
  'env',
  'channels',
] as const;
const CONDITION_KEYS = [
  'colonyname',
  'executornames',
  'executortype',
  'locationname',
  'dependencies',
  'nodes',
  'cpu',
  'processes',
  'processespernode',
  'mem',
  'storage',
  'gpu',
  'walltime',
] as const;

/**
 * Reads the file of `function submit`: one function spec, or a list of specs that do not depend on each other.
 *
 * @param colonyName the colony to submit to where a spec names none
 * @throws UserError listing everything that is wrong with the file
 */
export function parseFunctionSpecs(text: string, fileName: string, colonyName: string): ParsedFunctionSpecs {
  const document = parseJson(text, fileName);
  const isList = Array.isArray(document);
  if (isObject(document) && 'functionspecs' in document) throw isWorkflow(fileName, 'a workflow');
  if (isList && document.length === 0) {
    throw new UserError(`${fileName}: expected a function spec or a list of them, got an empty list`);
  }
  const findings: Findings = { problems: [], warnings: [] };
  const specs = (isList ? document : [document]).flatMap((value: unknown, index) => {
    const path = isList ? `$[${index}]` : '$';
    const spec = readFunctionSpec(value, path, findings);
    if (spec === undefined) return [];
    findings.warnings.push(...misspeltPlaceholders(spec, path));
    return [complete(spec, colonyName)];
  });
  refuseProblems(fileName, findings);
  const dependent = isList ? specs.findIndex(({ conditions }) => conditions.dependencies.length > 0) : -1;
  if (dependent !== -1) throw isWorkflow(fileName, `one with dependencies at $[${dependent}]`);
  return { specs, isList, warnings: findings.warnings.map((warning) => `${fileName}: ${warning}`) };
}

function isWorkflow(fileName: string, got: string): UserError {
  return new UserError(
    `${fileName}: expected function specs that do not depend on each other, got ${got}; submit a workflow with ` +
      `"colonies workflow submit --spec ${fileName}"`,
  );
}

function complete(spec: FunctionSpec, colonyName: string): FunctionSpec {
  return {
    ...spec,
    maxWaitTimeSeconds: unlimited(spec.maxWaitTimeSeconds),
    maxExecTimeSeconds: unlimited(spec.maxExecTimeSeconds),
    conditions: { ...spec.conditions, colonyName: spec.conditions.colonyName || colonyName },
  };
}

/**
 * Checks and decodes one function spec; what is wrong is added to `findings`.
 *
 * @param path where the spec stands in its document, such as `$[2]`
 */
export function readFunctionSpec(value: unknown, path: string, findings: Findings): FunctionSpec | undefined {
  const complaintsBefore = findings.problems.length;
  if (!isObject(value)) {
    findings.problems.push(`${path}: expected a function spec (an object), got ${describe(value)}`);
    return undefined;
  }
  warnUnknownKeys(value, FUNCTION_KEYS, path, findings);
  requireText(value, 'funcname', path, findings);
  const conditions = value['conditions'];
  if (isObject(conditions)) {
    warnUnknownKeys(conditions, CONDITION_KEYS, `${path}.conditions`, findings);
    requireText(conditions, 'executortype', `${path}.conditions`, findings);
  } else {
    findings.problems.push(
      `${path}.conditions: expected an object with "executortype" and "dependencies", got ${describe(conditions)}`,
    );
  }
  if (findings.problems.length > complaintsBefore) return undefined;
  const decoded = z.safeDecode(FunctionSpec, value);
  if (decoded.success) return decoded.data;
  findings.problems.push(formatIssues(decoded.error, value, path));
  return undefined;
}

/** Complains when a key holds no text. */
export function requireText(
  value: Readonly<Record<string, unknown>>,
  key: string,
  path: string,
  findings: Findings,
): void {
  const text = value[key];
  if (typeof text === 'string' && text.trim() !== '') return;
  const got = typeof text === 'string' ? 'empty text' : describe(text);
  findings.problems.push(`${path}.${key}: expected a name, got ${got}`);
}

/**
 * Ends the reading of a file that has problems.
 *
 * @throws UserError with one line per problem, and per oddity: a misspelt key is why another one is missing
 */
export function refuseProblems(fileName: string, { problems, warnings }: Findings): void {
  if (problems.length === 0) return;
  const lines = [...firstOf(problems, 'problems'), ...firstOf(warnings, 'warnings')];
  throw new UserError(lines.map((line) => `${fileName}: ${line}`).join('\n'));
}

function firstOf(findings: readonly string[], what: string): string[] {
  const shown = findings.slice(0, 20);
  return findings.length > shown.length ? [...shown, `... and ${findings.length - shown.length} more ${what}`] : shown;
}

/** Whether JSON is an object, not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The official server lets 0 expire at once; people who leave a limit out mean that there is none. */
function unlimited(seconds: number): number {
  return seconds === 0 ? -1 : seconds;
}

function warnUnknownKeys(value: object, known: readonly string[], path: string, { warnings }: Findings): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const meant = known.find((candidate) => candidate === key.toLowerCase().replaceAll(/[^a-z]/gu, ''));
    const advice = meant === undefined ? 'Colonies servers ignore it' : `did you mean "${meant}"?`;
    warnings.push(`${path}: unknown key "${key}"; ${advice}`);
  }
}
