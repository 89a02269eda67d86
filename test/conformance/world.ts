import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { loadEnvironment, requireServerIdentity } from '../../colony/environment.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { type Address, post } from '../support/rpc.ts';
import { startTestColony } from '../support/test-colony.ts';
import { Process, Workflow } from './shapes.ts';

/** Everybody who may knock at a server's door. `neighbour` and `neighbourExecutor` belong to another colony. */
export const ROLES = [
  'stranger',
  'pending',
  'user',
  'executor',
  'neighbour',
  'neighbourExecutor',
  'colonyOwner',
  'serverOwner',
] as const;
/** @see {@link ROLES} */
export type Role = (typeof ROLES)[number];

/** Who signs; undefined leaves the request unsigned. */
export type Signer = Role | Identity | undefined;

/** The inner JSON of a request, without its message type. */
export type Inner = Readonly<Record<string, unknown>>;

/** An answer as it stands on the wire. `payload` is undefined when there is none. */
export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly payloadtype: string;
  readonly error: boolean;
  readonly payload: unknown;
}

/** An executor that has been approved. */
export interface WorldExecutor {
  readonly identity: Identity;
  readonly name: string;
  readonly type: string;
}

/** Two colonies on one server, made for one file of cases, with somebody in each role. */
export interface World extends AsyncDisposable {
  readonly address: Address;
  /** Whether the server is the official one rather than the embedded one. */
  readonly isOfficial: boolean;
  readonly colonyName: string;
  readonly neighbourName: string;
  readonly people: Readonly<Record<Role, Identity>>;
  /** The names under which members are registered. */
  readonly names: Readonly<Record<'user' | 'executor' | 'pending' | 'neighbour' | 'neighbourExecutor', string>>;
  /** The type of `executor`; only {@link World.running} submits processes of it. */
  readonly executorType: string;
  /** One request and its answer, whatever that is. */
  ask(signer: Signer, messageType: string, inner: Inner): Promise<Answer>;
  /** One request that must be answered well. */
  must<S extends z.ZodType>(signer: Signer, messageType: string, inner: Inner, shape: S): Promise<z.output<S>>;
  /** One request that must be answered well, whose answer does not matter. */
  do(signer: Signer, messageType: string, inner: Inner): Promise<void>;
  /** Registers and approves an executor in the first colony, of a type of its own unless given. */
  addExecutor(fields?: Inner): Promise<WorldExecutor>;
  /** Submits a process that nobody waits for, as the user. */
  submit(fields?: Inner, conditions?: Inner): Promise<Process>;
  /** Submits a process and assigns it to `executor`. */
  running(fields?: Inner): Promise<Process>;
  /** Submits a workflow, as the user: node names and what they depend on. */
  submitWorkflow(graph: Graph, executorType?: string): Promise<Workflow>;
  /** Asks for a process of the executor's type. */
  assign(executor: Signer, timeoutSeconds?: number): Promise<Process>;
  /** One process, as the user sees it. */
  process(processId: string): Promise<Process>;
}

/** Node names and the names they depend on. */
export type Graph = Readonly<Record<string, readonly string[]>>;

/** An id that nobody and nothing has. */
export const UNKNOWN_ID = 'f'.repeat(64);

/** What the server at hand does, where the embedded one does something else on purpose. */
export function differing<T>(
  { isOfficial }: World,
  _why: string,
  { official, here }: Record<'official' | 'here', T>,
): T {
  return isOfficial ? official : here;
}

/** A text that no other run has used. */
export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** The wire form of a function spec without limits. */
export function specOf(colonyName: string, executorType: string, fields: Inner = {}, conditions: Inner = {}): Inner {
  const limits = { maxwaittime: -1, maxexectime: -1, maxretries: 0 };
  return {
    funcname: 'f',
    ...limits,
    ...fields,
    conditions: { colonyname: colonyName, executortype: executorType, ...conditions },
  };
}

/** The wire form of a workflow's spec. */
export function workflowSpecOf(colonyName: string, executorType: string, graph: Graph): Inner {
  const functionspecs = Object.entries(graph).map(([nodename, dependencies]) =>
    specOf('', executorType, { nodename }, { dependencies }),
  );
  return { colonyname: colonyName, functionspecs };
}

interface Door {
  readonly address: Address;
  readonly serverOwner: Identity;
  close(): Promise<void>;
}

/**
 * The embedded server; or, with `CONFORMANCE_SERVER=environment`, the one that the ColonyOS variables describe. There,
 * COLONIES_SERVER_PRVKEY founds the colonies, which are removed in the end.
 */
async function openDoor(): Promise<Door> {
  if (process.env['CONFORMANCE_SERVER'] === 'environment') {
    const environment = loadEnvironment();
    const serverOwner = requireServerIdentity(environment);
    return { address: environment.server, serverOwner, close: () => Promise.resolve() };
  }
  const colony = await startTestColony({ sweepIntervalMs: 50 });
  return { address: colony.address, serverOwner: colony.serverOwner, close: () => colony.stop() };
}

/** Sends one request and reads its answer, without judging it. */
async function askAt(address: Address, signer: Identity | undefined, messageType: string, inner: Inner) {
  return readAnswer(await post(address, JSON.stringify(sealRequest(messageType, inner, signer))));
}

/** Takes an answer apart, without judging it. */
export function readAnswer({ status, contentType, body }: Awaited<ReturnType<typeof post>>): Answer {
  if (body === '') return { status, contentType, payloadtype: '', error: false, payload: undefined };
  const envelope: { payloadtype: string; payload: string; error: boolean } = JSON.parse(body);
  const payload: unknown = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
  return { status, contentType, payloadtype: envelope.payloadtype, error: envelope.error, payload };
}

/** Founds two colonies and puts somebody into each role. */
export async function openWorld(): Promise<World> {
  const door = await openDoor();
  const generated = ROLES.map((role) => [role, generateIdentity()] as const);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object of all roles, made from the list of them
  const people = { ...Object.fromEntries(generated), serverOwner: door.serverOwner } as Record<Role, Identity>;
  const world = describe(door, people, await isOfficialServer(door.address));
  await populate(world);
  return world;
}

/** Only the embedded server says that it executes repeated requests once. */
async function isOfficialServer(address: Address): Promise<boolean> {
  const { payload } = await askAt(address, undefined, 'getserverinfomsg', {});
  return !(typeof payload === 'object' && payload !== null && 'deduplicates' in payload);
}

function describe(door: Door, people: Record<Role, Identity>, isOfficial: boolean): World {
  const [colonyName, neighbourName, executorType] = [unique('colony'), unique('neighbour'), unique('worker')];
  const ask: World['ask'] = (signer, messageType, inner) =>
    askAt(door.address, typeof signer === 'string' ? people[signer] : signer, messageType, inner);
  const must: World['must'] = async (signer, messageType, inner, shape) => {
    const answer = await ask(signer, messageType, inner);
    if (answer.error || answer.status !== 200) throw new Error(`${messageType}: ${JSON.stringify(answer)}`);
    return shape.parse(answer.payload);
  };
  const world: World = {
    address: door.address,
    isOfficial,
    colonyName,
    neighbourName,
    people,
    names: {
      user: 'user',
      executor: 'executor',
      pending: 'pending',
      neighbour: 'neighbour',
      neighbourExecutor: 'neighbour-executor',
    },
    executorType,
    ask,
    must,
    async do(signer, messageType, inner) {
      await must(signer, messageType, inner, z.unknown());
    },
    addExecutor: (fields) => addExecutor(world, fields),
    submit: (fields, conditions) =>
      must('user', 'submitfuncspecmsg', { spec: specOf(colonyName, 'nobody', fields, conditions) }, Process),
    async running(fields) {
      // Before whatever else waits for the executor.
      const spec = specOf(colonyName, executorType, { priority: 100, ...fields });
      const { processid } = await must('user', 'submitfuncspecmsg', { spec }, Process);
      const assigned = await world.assign('executor');
      if (assigned.processid !== processid) throw new Error('running: expected the process just submitted');
      return assigned;
    },
    submitWorkflow: (graph, type = 'nobody') =>
      must('user', 'submitworkflowspecmsg', { spec: workflowSpecOf(colonyName, type, graph) }, Workflow),
    assign: (executor, timeout = 10) =>
      must(executor, 'assignprocessmsg', { colonyname: colonyName, timeout }, Process),
    process: (processid) => must('user', 'getprocessmsg', { processid }, Process),
    async [Symbol.asyncDispose]() {
      for (const name of [colonyName, neighbourName]) await ask('serverOwner', 'removecolonymsg', { colonyname: name });
      await door.close();
    },
  };
  return world;
}

async function populate(world: World): Promise<void> {
  const { colonyName, neighbourName, people, names } = world;
  const neighbourOwner = generateIdentity();
  await world.do('serverOwner', 'addcolonymsg', { colony: { colonyid: people.colonyOwner.id, name: colonyName } });
  await world.do('serverOwner', 'addcolonymsg', { colony: { colonyid: neighbourOwner.id, name: neighbourName } });
  await world.do('colonyOwner', 'addusermsg', { user: userOf(colonyName, names.user, people.user) });
  await world.do(neighbourOwner, 'addusermsg', { user: userOf(neighbourName, names.neighbour, people.neighbour) });
  const registrations = [
    ['colonyOwner', colonyName, names.pending, people.pending, false],
    ['colonyOwner', colonyName, names.executor, people.executor, true],
    [neighbourOwner, neighbourName, names.neighbourExecutor, people.neighbourExecutor, true],
  ] as const;
  for (const [owner, colonyname, executorname, { id: executorid }, isApproved] of registrations) {
    const executor = { executorid, executorname, colonyname, executortype: world.executorType };
    await world.do(owner, 'addexecutormsg', { executor });
    if (isApproved) await world.do(owner, 'approveexecutormsg', { colonyname, executorname });
  }
}

function userOf(colonyname: string, name: string, { id: userid }: Identity): Inner {
  return { colonyname, userid, name, email: `${name}@example.org`, phone: '1' };
}

async function addExecutor(world: World, fields: Inner = {}): Promise<WorldExecutor> {
  const executor = { identity: generateIdentity(), name: unique('executor'), type: unique('type') };
  const { colonyName: colonyname } = world;
  const registration = { executorid: executor.identity.id, executorname: executor.name, colonyname };
  const added = { ...registration, executortype: executor.type, ...fields };
  await world.do('colonyOwner', 'addexecutormsg', { executor: added });
  await world.do('colonyOwner', 'approveexecutormsg', { colonyname, executorname: executor.name });
  return { ...executor, type: added.executortype };
}
