import { sleep } from '../back-off.ts';
import { type ClientOptions, type ColoniesClient, createColoniesClient } from '../client.ts';
import { ColonyError, ServerError, TerminalError } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Executor } from '../messages/executors.ts';
import { describeFunctions } from './function-descriptions.ts';
import { executorIdentity, uniqueName, type WorkerSettings } from './settings.ts';

/** The daemon as the server knows it. */
export interface Session {
  /** Signs as the executor. */
  readonly client: ColoniesClient;
  readonly identity: Identity;
  readonly name: string;
  /** Whether the daemon registers itself, and so unregisters at its end; otherwise that is the owner's business. */
  readonly isOwn: boolean;
}

/**
 * Registers the daemon, or finds the registration that its key already has. Only the owner of the colony may add
 * executors: without the owner's key this is a name and a key that the owner is yet to be told of.
 *
 * @param name for a new registration
 * @throws TerminalError when the colony has, or ever had, an executor of that name
 */
export async function register(settings: WorkerSettings, name: string, signal?: AbortSignal): Promise<Session> {
  const identity = executorIdentity(settings);
  // The loop that takes work says once that the server is away; what each request does about it is a detail.
  const log: ClientOptions['log'] = { warn: settings.log.debug.bind(settings.log) };
  const client = createColoniesClient({ server: settings.server, identity, retry: settings.retry, log });
  const isOwn = settings.colonyIdentity !== undefined;
  const isFresh = settings.lastingIdentity === undefined;
  const known = isFresh ? undefined : await findRegistration(client, settings, identity, signal);
  if (known !== undefined && known.state !== 'unregistered') {
    settings.log.info({ executorName: known.executorName, state: known.state }, 'found the registration of this key');
    return { client, identity, name: known.executorName, isOwn };
  }
  const session = { client, identity, name, isOwn };
  if (settings.colonyIdentity !== undefined) await addExecutor(settings, session, settings.colonyIdentity, signal);
  return session;
}

async function addExecutor(
  settings: WorkerSettings,
  { client, identity, name }: Session,
  colonyIdentity: Identity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const executor: Executor = {
    executorId: identity.id,
    executorName: name,
    executorType: settings.type,
    colonyName: settings.colonyName,
    locationName: settings.locationName,
    requireFunctionRegistration: false,
  };
  try {
    await client.addExecutor({ executor }, { identity: colonyIdentity, signal });
  } catch (error) {
    if (!(error instanceof ServerError && error.serverMessage.includes('already exists'))) throw error;
    // When the answer to a first request is lost, its repetition finds what the first has made.
    const known = await findRegistration(client, settings, identity, signal);
    if (known?.executorName !== name || known.state === 'unregistered') throw nameTaken(name, error);
  }
  settings.log.info({ executorName: name, executorType: settings.type, executorId: identity.id }, 'registered');
}

function nameTaken(name: string, cause: Error): TerminalError {
  return new TerminalError(
    `executor name ${name}: expected one that the colony never had, got one that is taken (also by an executor ` +
      'that is gone); leave the name out, or choose another',
    { code: 'NAME_TAKEN', cause },
  );
}

/**
 * Registers anew where the server does not know the session and the daemon has the owner's key.
 *
 * @param onForgotten told before that; it may fail, and then happen again
 * @returns the session, under another name and perhaps another key where it had to register anew
 */
export async function registerAgain(
  settings: WorkerSettings,
  session: Session,
  signal: AbortSignal,
  onForgotten: () => void,
): Promise<Session> {
  if (settings.colonyIdentity === undefined) return session;
  const known = await findRegistration(session.client, settings, session.identity, signal);
  if (known !== undefined && known.state !== 'unregistered') return session;
  onForgotten();
  return register(settings, uniqueName(settings.chosenName ?? settings.type), signal);
}

/**
 * Waits until the daemon is approved (with the owner's key it approves itself, otherwise it says what the owner has to
 * do) and tells which functions it runs.
 *
 * @returns the session, under the name that the owner gave it
 * @throws TerminalError when the owner rejected it; ServerError and ConnectionError are worth another call
 */
export async function enlist(settings: WorkerSettings, session: Session, signal: AbortSignal): Promise<Session> {
  const approved = await awaitApproval(settings, session, signal);
  await registerFunctions(settings, approved, signal);
  return approved;
}

async function awaitApproval(settings: WorkerSettings, session: Session, signal: AbortSignal): Promise<Session> {
  let asked: string | undefined;
  for (;;) {
    const executor = await findRegistration(session.client, settings, session.identity, signal);
    requireNotRejected(executor);
    if (executor?.state === 'approved') {
      settings.log.info({ executorName: executor.executorName }, 'approved');
      return { ...session, name: executor.executorName };
    }
    if (executor?.state === 'pending' && settings.colonyIdentity !== undefined) {
      const request = { colonyName: settings.colonyName, executorName: executor.executorName };
      await session.client.approveExecutor(request, { identity: settings.colonyIdentity, signal });
      continue;
    }
    const request = whatTheOwnerDoes(settings, session, executor);
    if (request !== asked) settings.log.warn({ executorId: session.identity.id }, request);
    asked = request;
    await sleep(settings.approvalPollMs, signal);
  }
}

function whatTheOwnerDoes(
  { type }: WorkerSettings,
  { name, identity }: Session,
  executor: Executor | undefined,
): string {
  return executor === undefined
    ? 'not registered: the owner of the colony runs ' +
        `"colonies executor add --name ${quote(name)} --type ${quote(type)} --executorid ${identity.id} --approve"`
    : `waiting for approval: the owner of the colony runs "colonies executor approve --name ${quote(executor.executorName)}"`;
}

/** A name for a command line that people paste into a shell; some names come from the server. */
function quote(name: string): string {
  return /^[\w./@+-]+$/u.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`;
}

function requireNotRejected(executor: Executor | undefined): void {
  if (executor?.state !== 'rejected') return;
  throw new TerminalError(
    `executor ${executor.executorName}: expected an approval, got a rejection by the owner of the colony; ` +
      `the owner may change that with "colonies executor approve --name ${quote(executor.executorName)}"`,
    { code: 'REJECTED' },
  );
}

/** What the server knows of a key: its registration that counts, the newest where there are several. */
async function findRegistration(
  client: ColoniesClient,
  settings: WorkerSettings,
  identity: Identity,
  signal: AbortSignal | undefined,
): Promise<Executor | undefined> {
  try {
    const executors = await client.getExecutors({ colonyName: settings.colonyName }, { signal });
    const mine = executors.filter((executor) => executor.executorId === identity.id);
    return mine.findLast((executor) => executor.state !== 'unregistered') ?? mine.at(-1);
  } catch (error) {
    // The server answers strangers with 403: the key is no executor of this colony, or not yet.
    if (error instanceof ServerError && error.status === 403) return undefined;
    throw error;
  }
}

/** Tells the server which functions the daemon runs; those it already knows of are left alone. */
async function registerFunctions(settings: WorkerSettings, session: Session, signal: AbortSignal): Promise<void> {
  const options = { signal };
  const request = { colonyName: settings.colonyName, executorName: session.name };
  const known = await session.client.getFunctions(request, options);
  const knownNames = new Set(known.map(({ functionName }) => functionName));
  for (const description of describeFunctions(settings.definition)) {
    if (knownNames.has(description.functionName)) continue;
    const registered = { ...UNCOUNTED, ...description, ...request, executorType: settings.type };
    await session.client.addFunction({ function: registered }, options);
  }
}

const UNCOUNTED = {
  functionId: '',
  counter: 0,
  minWaitTimeSeconds: 0,
  maxWaitTimeSeconds: 0,
  minExecTimeSeconds: 0,
  maxExecTimeSeconds: 0,
  averageWaitTimeSeconds: 0,
  averageExecTimeSeconds: 0,
};

/** Leaves the colony; the server puts what the daemon was still running back into the queue. */
export async function unregister(settings: WorkerSettings, session: Session): Promise<void> {
  if (!session.isOwn || settings.colonyIdentity === undefined) return;
  try {
    await session.client.removeExecutor(
      { colonyName: settings.colonyName, executorName: session.name },
      { identity: settings.colonyIdentity, retry: { forMs: 3_000 }, timeoutMs: 5_000 },
    );
    settings.log.info({ executorName: session.name }, 'unregistered');
  } catch (error) {
    const code = error instanceof ColonyError ? error.code : undefined;
    settings.log.warn(
      { executorName: session.name, code },
      'could not unregister; what was running waits for its deadline',
    );
  }
}
