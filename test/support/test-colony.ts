import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import * as z from 'zod';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addExecutor, approveExecutor } from '../../colony/messages/executors.ts';
import type { Message } from '../../colony/messages/message.ts';
import { FunctionSpec, getProcess, type Process, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { type RunningServer, type ServerOptions, startServer } from '../../server/index.ts';
import { type Address, rpc } from './rpc.ts';

/** An executor of a test colony, registered and approved. */
export interface TestExecutor {
  readonly identity: Identity;
  readonly name: string;
  readonly type: string;
}

/** A real server on a port of its own, with one colony, its owner and one user. */
export interface TestColony extends AsyncDisposable {
  readonly colonyName: string;
  readonly serverOwner: Identity;
  readonly colonyOwner: Identity;
  readonly user: Identity;
  /** A directory that is removed with the colony. */
  readonly directory: string;
  readonly databasePath: string;
  readonly server: RunningServer;
  readonly address: Address;
  /** One signed call. */
  call<Request, Reply>(identity: Identity, message: Message<Request, Reply>, request: Request): Promise<Reply>;
  /** Registers and approves an executor. */
  addExecutor(type: string, name?: string): Promise<TestExecutor>;
  /** Submits a function as the user. */
  submit(spec: Partial<FunctionSpec>, executorType: string): Promise<Process>;
  getProcess(processId: string): Promise<Process>;
  /** Stops the server and starts it again on the same database and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a {@link TestColony}. */
export async function startTestColony(options: Partial<ServerOptions> = {}): Promise<TestColony> {
  const directory = await mkdtemp(join(tmpdir(), 'colony-'));
  const databasePath = join(directory, 'server.db');
  const [serverOwner, colonyOwner, user] = [generateIdentity(), generateIdentity(), generateIdentity()];
  const colonyName = 'test';
  const start = (port: number): Promise<RunningServer> =>
    startServer({
      databasePath,
      serverId: serverOwner.id,
      log: pino({ level: 'silent' }),
      bootstrap: { colony: { id: colonyOwner.id, name: colonyName }, users: [{ id: user.id, name: 'user' }] },
      ...options,
      port,
    });
  let server = await start(0);
  let executorCount = 0;

  const colony: TestColony = {
    colonyName,
    serverOwner,
    colonyOwner,
    user,
    directory,
    databasePath,
    get server() {
      return server;
    },
    get address() {
      return server.address;
    },
    call: (identity, message, request) => rpc(server.address, identity, message, request),
    async addExecutor(type, name) {
      executorCount += 1;
      const executor = { identity: generateIdentity(), type, name: name ?? `${type}-${executorCount}` };
      await colony.call(colonyOwner, addExecutor, { executor: executorRegistration(colonyName, executor) });
      await colony.call(colonyOwner, approveExecutor, { colonyName, executorName: executor.name });
      return executor;
    },
    submit: (spec, executorType) =>
      colony.call(user, submitFunctionSpec, { spec: functionSpec(colonyName, executorType, spec) }),
    getProcess: (processId) => colony.call(user, getProcess, { processId }),
    async restart() {
      const { port } = server;
      await server.stop();
      server = await start(port);
    },
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => colony.stop(),
  };
  return colony;
}

/** What an executor registers with. */
export function executorRegistration(colonyName: string, executor: TestExecutor) {
  return {
    executorId: executor.identity.id,
    executorType: executor.type,
    executorName: executor.name,
    colonyName,
    requireFunctionRegistration: false,
  };
}

/** A function spec with everything left open, or as given. Conditions may be given in part. */
export function functionSpec(
  colonyName: string,
  executorType: string,
  spec: Omit<Partial<FunctionSpec>, 'conditions'> & { readonly conditions?: Partial<FunctionSpec['conditions']> } = {},
): FunctionSpec {
  const open = z.decode(FunctionSpec, {
    funcname: 'f',
    maxwaittime: -1,
    maxexectime: -1,
    conditions: { colonyname: colonyName, executortype: executorType },
  });
  return { ...open, ...spec, conditions: { ...open.conditions, ...spec.conditions } };
}
