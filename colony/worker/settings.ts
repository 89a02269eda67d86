import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { addressFromUrl, type ServerAddress } from '../address.ts';
import type { S3Settings } from '../blobs.ts';
import type { RetryPolicy } from '../back-off.ts';
import { UserError } from '../errors.ts';
import type { ExecutorDefinition } from '../executor.ts';
import { generateIdentity, type Identity, readIdentity } from '../identity.ts';
import { readPrivateFile, writePrivateFile } from '../private-files.ts';

/** How a daemon reaches its colony and how it works there. */
export interface WorkerOptions {
  readonly server: ServerAddress | URL;
  readonly colonyName: string;
  readonly log: Logger;
  /** The executor's own key; without it and without `identityFile` a fresh one for this start. */
  readonly identity?: Identity | undefined;
  /**
   * Where the executor's own key is kept between starts, readable by its owner only; made where missing. The file
   * belongs to one daemon: two that share it would be one executor to the server.
   */
  readonly identityFile?: string | undefined;
  /** The key of the colony's owner: the daemon then registers, approves and at its end unregisters itself. */
  readonly colonyIdentity?: Identity | undefined;
  /** The executor's name, unique in the colony for ever; `<type>-<host>-<random>` unless given. */
  readonly name?: string | undefined;
  /** The executor type, where it is not the definition's. */
  readonly type?: string | undefined;
  readonly locationName?: string | undefined;
  /** The bucket for values that are too large for a process; without one the Colonies server, where it stores them. */
  readonly s3?: S3Settings | undefined;
  /** How many processes run at a time; 1 unless given. */
  readonly concurrency?: number | undefined;
  /** How long one request waits for work: 1 to 10 s, 5 unless given. Short, since the official server may wake the wrong waiter. */
  readonly pollTimeoutSeconds?: number | undefined;
  /** How long running processes may go on once the daemon is told to stop; 30 s unless given. */
  readonly graceMs?: number | undefined;
  /** How often a daemon without a free place shows that it lives; 60 s unless given. Servers forget after 600 s. */
  readonly heartbeatMs?: number | undefined;
  /** How often a running process is looked at for a cancellation; 5 s unless given. */
  readonly watchMs?: number | undefined;
  /** How often a daemon that waits for its approval looks; 2 s unless given. */
  readonly approvalPollMs?: number | undefined;
  /** How long the start waits for a server that is away; 30 s unless given. Once started, a daemon waits for ever. */
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** {@link WorkerOptions} with everything decided. */
export interface WorkerSettings {
  readonly definition: ExecutorDefinition;
  readonly server: ServerAddress;
  readonly colonyName: string;
  readonly log: Logger;
  readonly type: string;
  readonly colonyIdentity: Identity | undefined;
  readonly locationName: string | undefined;
  readonly s3: S3Settings | undefined;
  readonly chosenName: string | undefined;
  /** The operator's key for the executor; undefined: a fresh one for every registration. */
  readonly lastingIdentity: Identity | undefined;
  readonly concurrency: number;
  readonly pollTimeoutSeconds: number;
  readonly graceMs: number;
  readonly heartbeatMs: number;
  readonly watchMs: number;
  readonly approvalPollMs: number;
  readonly retry: Partial<RetryPolicy>;
}

/**
 * Fills in what the operator left open.
 *
 * @throws UserError for a name with a colon, a type that is empty, counts and times out of range, a damaged key file
 */
export function settleOptions(definition: ExecutorDefinition, options: WorkerOptions): WorkerSettings {
  const type = options.type ?? definition.type;
  requireName('executor type', type);
  if (options.name !== undefined) requireName('executor name', options.name);
  return {
    definition,
    type,
    server: options.server instanceof URL ? addressFromUrl(options.server) : options.server,
    colonyName: options.colonyName,
    log: options.log,
    colonyIdentity: options.colonyIdentity,
    locationName: options.locationName,
    s3: options.s3,
    chosenName: options.name,
    lastingIdentity: options.identity ?? identityFromFile(options.identityFile),
    ...settleNumbers(options),
    retry: { forMs: 30_000, ...options.retry },
  };
}

function settleNumbers(options: WorkerOptions) {
  return {
    concurrency: within('concurrency', options.concurrency ?? 1, 1, 10_000),
    pollTimeoutSeconds: within('pollTimeoutSeconds', options.pollTimeoutSeconds ?? 5, 1, 10),
    graceMs: within('graceMs', options.graceMs ?? 30_000, 0, MAX_TIMER_MS),
    heartbeatMs: within('heartbeatMs', options.heartbeatMs ?? 60_000, 10, MAX_TIMER_MS),
    watchMs: within('watchMs', options.watchMs ?? 5_000, 10, MAX_TIMER_MS),
    approvalPollMs: within('approvalPollMs', options.approvalPollMs ?? 2_000, 10, MAX_TIMER_MS),
  };
}

/** The longest time a timer of Node can run, about 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** A name that no executor had before: names of unregistered executors cannot be used again on the official server. */
export function uniqueName(type: string): string {
  const readable = `${type}-${hostname()}`.replaceAll(/[^\w.-]/gu, '-').slice(0, 80);
  return `${readable}-${randomBytes(5).toString('hex')}`;
}

/** The key of the daemon: the operator's, else a fresh one. */
export function executorIdentity(settings: WorkerSettings): Identity {
  return settings.lastingIdentity ?? generateIdentity();
}

function identityFromFile(path: string | undefined): Identity | undefined {
  if (path === undefined) return undefined;
  const text = readPrivateFile(path);
  if (text !== undefined) return readIdentity(text, path);
  const identity = generateIdentity();
  writePrivateFile(path, `${identity.privateKey}\n`);
  return identity;
}

/** The official server writes lists of names with colons between them; one colon inside makes them unreadable. */
function requireName(what: string, name: string): void {
  if (name !== '' && !name.includes(':')) return;
  throw new UserError(`${what}: expected a text without colons, got ${name === '' ? 'an empty one' : `"${name}"`}`);
}

function within(what: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new UserError(`${what}: expected a number from ${least} to ${most}, got ${value}`);
}
