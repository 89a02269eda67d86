import type { FunctionSpec } from '../colony/messages/processes.ts';
import type { WireRequest } from './handler.ts';
import {
  MAX_CHANNEL_NAME_CHARACTERS,
  MAX_CHANNELS,
  MAX_ENVIRONMENT_ENTRIES,
  MAX_EXECUTOR_NAMES,
  MAX_KEYWORD_ARGUMENTS,
  MAX_LIMIT_SECONDS,
  MAX_MOUNTS,
  MAX_PRIORITY,
  MAX_SUBMITTED_CHANNELS,
  MAX_WORKFLOW_NODES,
} from './limits.ts';
import { Refusal } from './refusal.ts';
import { isPrintable } from './text.ts';

/** What can be submitted: limits of specs, whether alone, in a workflow or below a running process. */

const FAILURE = 'Failed to submit function spec';

/**
 * Checks what a spec says.
 *
 * @throws Refusal 400 when a priority or a limit is out of range, or a name cannot be shown on one line
 */
export function requireAcceptable(spec: FunctionSpec): void {
  const { priority, maxWaitTimeSeconds, maxExecTimeSeconds, conditions } = spec;
  if (Math.abs(priority) > MAX_PRIORITY) {
    throw new Refusal(400, `${FAILURE}, priority outside range [${-MAX_PRIORITY}, ${MAX_PRIORITY}]`);
  }
  for (const [name, seconds] of Object.entries({ maxwaittime: maxWaitTimeSeconds, maxexectime: maxExecTimeSeconds })) {
    if (seconds > MAX_LIMIT_SECONDS) {
      throw new Refusal(
        400,
        `${FAILURE}, expected ${name} of at most ${MAX_LIMIT_SECONDS} seconds (100 years), got ${seconds}; -1 means no limit`,
      );
    }
  }
  const { nodeName: nodename, functionName: funcname, label } = spec;
  const names = { nodename, funcname, label, executortype: conditions.executorType };
  for (const [name, text] of Object.entries(names)) {
    if (!isPrintable(text)) throw new Refusal(400, `${FAILURE}, expected ${name} without control characters`);
  }
  requireChannels(spec.channels ?? []);
}

function requireChannels(names: readonly string[]): void {
  if (names.length > MAX_CHANNELS) {
    throw new Refusal(400, `${FAILURE}, expected at most ${MAX_CHANNELS} channels, got ${names.length}`);
  }
  for (const [index, name] of names.entries()) {
    if (name === '' || name.length > MAX_CHANNEL_NAME_CHARACTERS || !isPrintable(name)) {
      throw new Refusal(
        400,
        `${FAILURE}, expected names of channels of 1 to ${MAX_CHANNEL_NAME_CHARACTERS} characters without control characters`,
      );
    }
    if (names.indexOf(name) !== index) throw new Refusal(400, `${FAILURE}, channel ${name} is named twice`);
  }
}

/**
 * Counts what is in a submission before it is decoded, which takes long when there is much of it.
 *
 * @param specs the wire form of one spec, or of the specs of a workflow or a batch
 * @throws Refusal 400 when there is too much
 */
export function requireModest(specs: readonly unknown[]): void {
  requireCount('nodes', specs.length, MAX_WORKFLOW_NODES);
  const counts = { env: 0, kwargs: 0, executornames: 0, mounts: 0, channels: 0 };
  for (const spec of specs.filter(isObject)) {
    counts.env += sizeOf(spec['env']);
    counts.kwargs += sizeOf(spec['kwargs']);
    counts.executornames += isObject(spec['conditions']) ? sizeOf(spec['conditions']['executornames']) : 0;
    counts.mounts += isObject(spec['fs']) ? sizeOf(spec['fs']['snapshots']) + sizeOf(spec['fs']['dirs']) : 0;
    counts.channels += sizeOf(spec['channels']);
  }
  requireCount('entries of env', counts.env, MAX_ENVIRONMENT_ENTRIES);
  requireCount('kwargs', counts.kwargs, MAX_KEYWORD_ARGUMENTS);
  requireCount('names of executors', counts.executornames, MAX_EXECUTOR_NAMES);
  requireCount('snapshots and directories', counts.mounts, MAX_MOUNTS);
  requireCount('channels', counts.channels, MAX_SUBMITTED_CHANNELS);
}

/** {@link requireModest} for a message that carries one spec. */
export function requireModestSpec({ spec }: WireRequest): void {
  requireModest([spec]);
}

/** {@link requireModest} for a message that carries the spec of a workflow. */
export function requireModestWorkflow({ spec }: WireRequest): void {
  const nodes = isObject(spec) ? spec['functionspecs'] : [];
  if (Array.isArray(nodes)) requireModest(nodes);
}

function requireCount(what: string, count: number, limit: number): void {
  if (count > limit) throw new Refusal(400, `Failed to submit, expected at most ${limit} ${what}, got ${count}`);
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function isObject(value: unknown): value is WireRequest {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
