import { type Logger, pino } from 'pino';
import { isLoopback } from '../colony/address.ts';
import { toError, UserError } from '../colony/errors.ts';
import { createAnsweredPolls } from './answered-polls.ts';
import { createApiRoute } from './api.ts';
import { type BlobOptions, type Blobs, openBlobs } from './blobs/index.ts';
import { createBodyReader } from './body.ts';
import { type ClientAddress, createClientAddress } from './client-address.ts';
import { watchForJumps } from './clock-jumps.ts';
import { applyBootstrap, type Bootstrap } from './bootstrap.ts';
import { createChannels } from './channels.ts';
import type { Services } from './services.ts';
import type { ServerFacts } from './handler.ts';
import { pubSubRoute } from './http.ts';
import {
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_CHANNEL_BYTES,
  DEFAULT_HEADER_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_INPUT_BYTES,
  DEFAULT_MAX_RECEIVED_BYTES,
  DEFAULT_MAX_UNREAD_BYTES,
  DEFAULT_STALE_EXECUTOR_SECONDS,
  DEFAULT_STALL_MS,
  DEFAULT_SUBSCRIBE_MS,
} from './limits.ts';
import { createListener, type Listener } from './listener.ts';
import { createOperations, type Operations } from './operations.ts';
import type { Ownership } from './ownership.ts';
import { createPresence } from './presence.ts';
import { createRateLimiter, type RateOptions } from './rate-limits.ts';
import { requireRetention, startRetention } from './retention.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createSigners } from './signers.ts';
import { type Database, openDatabase } from './store/database.ts';
import { isKnownId } from './store/members.ts';
import { serverOwnerOf, settleServerOwner } from './store/server-owner.ts';
import { createSubscriptions, type Subscriptions } from './subscriptions.ts';
import { expire, forgiveDowntime, type Passing, sweep } from './sweep.ts';
import { requireUsable, type TlsPair } from './tls.ts';
import { type ChangeListener, createTransactor, type Transactor } from './transaction.ts';
import { startTriggers } from './triggers.ts';

export type { Bootstrap } from './bootstrap.ts';

/** How a server is started. */
export interface ServerOptions {
  /** Where it listens; the loopback interface by default. */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** A SQLite file, created if missing, readable by its owner only; one server per file. Or `:memory:`. */
  readonly databasePath: string;
  /**
   * The id of the server's owner, who founds colonies. An id that the owner has set with a message since stays, until
   * the server is started with another one than before.
   */
  readonly serverId: string;
  /** A colony and users to create if they are missing. */
  readonly bootstrap?: Bootstrap;
  /** With it the server speaks HTTPS, of version 1.2 or newer of TLS. */
  readonly tls?: TlsPair;
  /** Allows plain HTTP on an address that others can reach, for a proxy that adds TLS. */
  readonly allowInsecure?: boolean;
  /** Larger requests are refused with status 413. */
  readonly maxBodyBytes?: number;
  /** What all bodies that are being received may hold together, in bytes; further large ones are refused with 503. */
  readonly maxReceivedBytes?: number;
  /** A body of which nothing comes for so long is refused with 408; who takes nothing of an answer or a channel for so long is cut off. */
  readonly stallMs?: number;
  /** A connection on which no whole header has come after so long is closed. */
  readonly headerMs?: number;
  /** When all clients together leave more unread, in bytes, whoever leaves most is cut off. */
  readonly maxUnreadBytes?: number;
  /** A WebSocket on which nobody has subscribed by then is closed. */
  readonly subscribeMs?: number;
  /** How fast clients may ask. */
  readonly rates?: RateOptions;
  /**
   * Proxies whose header `X-Forwarded-For` is believed, for limits by address: addresses, or networks such as `10.0.0.0/8`.
   * None unless given.
   */
  readonly trustedProxies?: readonly string[];
  /** Whoever shows it may read `/metrics`; without one that is for this machine only. */
  readonly metricsToken?: string | undefined;
  /** Further connections are dropped. */
  readonly maxConnections?: number;
  /** A process that gets more input than this from its parents fails, in bytes of JSON. */
  readonly maxInputBytes?: number;
  /** What the channels of all processes may hold together, in bytes; further entries are refused with 503. */
  readonly maxChannelBytes?: number;
  /**
   * Who may cancel and remove processes and workflows, and remove crons, generators, files and snapshots: every member of
   * the colony unless told otherwise, or those only whose they are, and the colony's owner.
   */
  readonly ownership?: Ownership;
  /** What blobs may take, and how long they are kept. */
  readonly blobs?: BlobOptions;
  /** An executor not heard from for so long is unregistered, and what it was running waits again. */
  readonly staleExecutorSeconds?: number;
  /**
   * Lets the colony's owner register an executor under a name that is taken: the new key and type replace the old ones,
   * what was running waits again. Otherwise a name is taken for ever.
   */
  readonly allowExecutorReregister?: boolean;
  /**
   * What has ended is removed after so long: finished processes and workflows, in whatever state, lines of logs, and
   * executors that are no longer registered. Never unless given.
   */
  readonly retentionSeconds?: number;
  /** How often what is too old is removed; every minute unless given. */
  readonly retentionIntervalMs?: number;
  /** How often deadlines are looked at. */
  readonly sweepIntervalMs?: number;
  /** Receives message types, statuses and our own errors; never payloads. */
  readonly log?: Logger;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** Milliseconds of a clock that is never set, to notice that the other one was. */
  readonly steadyClock?: () => number;
  /** What the server says its version is. */
  readonly version?: string;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly address: { readonly host: string; readonly port: number; readonly tls: boolean };
  /**
   * Shows another certificate to whoever connects from now on.
   *
   * @throws UserError when it cannot be served; the former one stays then
   */
  renewCertificate(pair: TlsPair): void;
  /** Ends polls and sockets, then closes the database. May be called again. */
  stop(): Promise<void>;
}

const DEFAULT_SWEEP_INTERVAL_MS = 1000;
const DAY_MS = 86_400_000;
/** Whose certificate expires within so many days is warned. */
const WARNED_DAYS = 14;

/**
 * Starts an embedded Colonies server; resolves when it listens.
 *
 * @throws UserError when the address would expose plain HTTP, the certificate cannot be served, a trusted proxy is no
 *   address, or the database is damaged or belongs to a running server
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1' } = options;
  requireProtectedAddress(host, options);
  requireRetention(options);
  const log = options.log ?? pino({ name: 'colonies-server', level: 'warn' }, pino.destination(2));
  const requirePair = (pair: TlsPair): void => warnOfExpiry(pair, (options.clock ?? Date.now)(), log);
  if (options.tls !== undefined) requirePair(options.tls);
  const addressOf = createClientAddress(options.trustedProxies ?? []);
  const database = openDatabase(options.databasePath);
  const parts = assemble({ ...options, host, log, addressOf }, database);
  const { services, subscriptions, listener } = parts;
  const tls = options.tls !== undefined;
  try {
    await services.transactor.write((transaction) => {
      forgiveDowntime(transaction);
      if (settleServerOwner(transaction.database, options.serverId) !== options.serverId) {
        log.warn('the owner of the server has changed its id since it was first started with the given one');
      }
      if (options.bootstrap !== undefined) applyBootstrap(transaction, options.bootstrap);
    });
    await parts.blobs.start();
    parts.port = await listener.listen(host, options.port);
  } catch (thrown) {
    // What still had a timer would keep the process alive, which has nothing left to do.
    await listener.close();
    await parts.blobs.stop();
    database.close();
    throw thrown;
  }
  const { port } = parts;
  listener.onError((error) => log.error({ err: error }, 'the listener failed'));
  const stopSweeping = startSweeping(parts, options);
  const stopRetention = startRetention(services.transactor, log, options);
  const stopTriggers = startTriggers(services.transactor, log, services.facts.checkerPeriodMs);
  log.info({ host, port, tls }, 'the server listens');

  const shutDown = async (): Promise<void> => {
    stopSweeping();
    stopTriggers();
    stopRetention();
    services.scheduler.stop();
    subscriptions.stop();
    await listener.close();
    await services.signers.stop();
    await closeStore(parts, database, options.databasePath);
    log.info({ port }, 'the server has stopped');
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= shutDown());
  const renewCertificate = (pair: TlsPair): void => {
    requirePair(pair);
    listener.renew(pair);
  };
  return { port, address: { host, port, tls }, renewCertificate, stop, [Symbol.asyncDispose]: stop };
}

/** @throws UserError when the certificate cannot be served */
function warnOfExpiry(pair: TlsPair, nowMs: number, log: Logger): void {
  const days = Math.floor((requireUsable(pair, nowMs) - nowMs) / DAY_MS);
  if (days < WARNED_DAYS)
    log.warn({ days }, 'the certificate expires soon; the server takes a renewed one while it runs');
}

/** The parts of a server; they know its port once it listens. */
interface Parts {
  readonly services: Services;
  readonly subscriptions: Subscriptions;
  readonly blobs: Blobs;
  readonly listener: Listener;
  readonly operations: Operations;
  port: number;
}

/** Options with what has been made of them. */
interface Prepared extends ServerOptions {
  readonly host: string;
  readonly log: Logger;
  readonly addressOf: ClientAddress;
}

function assemble(options: Prepared, database: Database): Parts {
  const { log, tls, clock = Date.now, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  const scheduler = openScheduler(options, () => transactor);
  const signers = createSigners((error) => log.warn({ err: error }, 'a thread that looks at signatures has ended'));
  const changeListener: ChangeListener = {
    beforeCommit: (transaction) => scheduler.serveChanges(transaction),
    afterCommit(changes) {
      subscriptions.onChanges(changes);
      channels.onChanges(changes);
    },
    onError: (error) => log.error({ err: error }, 'changes were made, but not everybody heard of them'),
    onCommit: (...commit) => operations.onCommit(...commit),
  };
  const transactor: Transactor = createTransactor(database, clock, changeListener, () => signers.isBusy());
  const { databasePath, stallMs = DEFAULT_STALL_MS, maxChannelBytes = DEFAULT_MAX_CHANNEL_BYTES } = options;
  const channels = createChannels(() => transactor, maxChannelBytes, stallMs);
  const bodies = createBodyReader({
    maxBodyBytes,
    maxReceivedBytes: options.maxReceivedBytes ?? DEFAULT_MAX_RECEIVED_BYTES,
    stallMs,
  });
  const operations = createOperations({
    services: () => services,
    database,
    databasePath,
    bodies,
    holdBlobs: () => blobs.hold(),
    metricsToken: options.metricsToken,
    clients: async () => ({ ...subscriptions.counts(), connections: await listener.connections() }),
    log,
  });
  const services: Services = {
    transactor,
    recorder: operations.recorder,
    rates: createRateLimiter(options.rates ?? {}, (id) => isKnownId(database, id)),
    addressOf: options.addressOf,
    scheduler,
    polls: createAnsweredPolls(clock()),
    signers,
    channels,
    presence: createPresence(clock),
    get serverId() {
      return transactor.read((transaction) => serverOwnerOf(transaction.database));
    },
    facts: factsOf(options, new Date(clock()), () => parts.port),
    log,
  };
  const blobs = openBlobs(services, databasePath, options.blobs ?? {}, stallMs);
  const subscriptions = createSubscriptions(services, options.subscribeMs ?? DEFAULT_SUBSCRIBE_MS);
  const listener = createListener({
    routes: [createApiRoute(services, bodies, maxBodyBytes), ...blobs.routes, ...operations.routes, pubSubRoute],
    subscriptions,
    tls,
    ...limitsOfConnections(options, stallMs),
    log,
  });
  const parts: Parts = { services, subscriptions, blobs, listener, operations, port: options.port };
  return parts;
}

function limitsOfConnections(options: ServerOptions, stallMs: number) {
  return {
    maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    headerMs: options.headerMs ?? DEFAULT_HEADER_MS,
    unread: { stallMs, maxUnreadBytes: options.maxUnreadBytes ?? DEFAULT_MAX_UNREAD_BYTES },
  };
}

function factsOf(options: ServerOptions & { readonly host: string }, startedAt: Date, port: () => number): ServerFacts {
  const { host, tls, version = 'sealed-colonies', allowExecutorReregister = false } = options;
  return {
    version,
    startedAt,
    host,
    port,
    tls: tls !== undefined,
    checkerPeriodMs: options.sweepIntervalMs ?? DEFAULT_SWEEP_INTERVAL_MS,
    ownership: options.ownership ?? 'members',
    allowsExecutorReregistration: allowExecutorReregister,
  };
}

function openScheduler(
  { maxInputBytes = DEFAULT_MAX_INPUT_BYTES, log }: ServerOptions & { readonly log: Logger },
  transactor: () => Transactor,
): Scheduler {
  return createScheduler({
    transactor,
    maxInputBytes,
    onUnreadable: (processId, error) => log.error({ processId, err: error }, 'a process could not be given out'),
  });
}

/** What cannot be stored any more, because somebody has removed the database say, is no reason not to stop. */
async function closeStore({ services, blobs, operations }: Parts, database: Database, path: string): Promise<void> {
  const { transactor, presence, log } = services;
  try {
    await transactor.write((transaction) => presence.flush(transaction));
  } catch (thrown) {
    log.warn({ path, reason: toError(thrown).message }, 'could not store when executors were last heard from');
  }
  try {
    database.close();
  } catch (thrown) {
    log.warn({ path, reason: toError(thrown).message }, 'could not close the database in order');
  }
  await operations.stop();
  await blobs.stop();
}

function requireProtectedAddress(host: string, { tls, allowInsecure = false }: ServerOptions): void {
  if (tls !== undefined || allowInsecure || isLoopback(host)) return;
  throw new UserError(
    `server address: expected TLS or the loopback interface, got plain HTTP on ${host}; give a key and a certificate, or allow plain HTTP explicitly when a proxy adds TLS`,
  );
}

function startSweeping({ services, blobs }: Parts, options: ServerOptions): () => void {
  const { transactor, presence, scheduler, polls, channels, log } = services;
  const staleAfterMs = (options.staleExecutorSeconds ?? DEFAULT_STALE_EXECUTOR_SECONDS) * 1000;
  // With a clock of somebody's own there is none that it could be compared with.
  const steadyClock = options.steadyClock ?? options.clock ?? (() => performance.now());
  const jumps = watchForJumps(steadyClock);
  const stopping = new AbortController();
  const isWaiting: Passing['isWaiting'] = (executor) => scheduler.isWaiting(executor);
  const sweepAll = async (): Promise<void> => {
    let isMore = await transactor.write((transaction) => {
      const jumpMs = jumps.look(transaction.nowMs);
      if (jumpMs !== 0) {
        log.warn({ jumpMs }, 'the clock was set; executors get their full time again');
        polls.restart(transaction.nowMs);
      }
      const isMoreExpired = sweep(transaction, presence, { staleAfterMs, isWaiting, jumpMs });
      blobs.sweep(transaction);
      channels.sweep(transaction);
      return isMoreExpired;
    });
    while (isMore && !stopping.signal.aborted) isMore = await transactor.write(expire);
  };
  let isSweeping = false;
  const timer = setInterval(() => {
    if (isSweeping) return;
    isSweeping = true;
    sweepAll()
      .catch((thrown: unknown) => log.error({ err: thrown }, 'the sweep failed; the next one tries again'))
      .finally(() => (isSweeping = false));
  }, options.sweepIntervalMs ?? DEFAULT_SWEEP_INTERVAL_MS);
  return () => {
    stopping.abort();
    clearInterval(timer);
  };
}
