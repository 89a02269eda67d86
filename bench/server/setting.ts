import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addExecutor, approveExecutor } from '../../colony/messages/executors.ts';
import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { spawnServer } from '../../test/support/server-process.ts';
import { executorRegistration, functionSpec } from '../../test/support/test-colony.ts';
import { connectParty, type Party } from './party.ts';

/** A server as a process of its own, with its real store, one colony, a user and executors. */
export interface Setting extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Where the server keeps its database. */
  readonly directory: string;
  readonly user: Identity;
  /**
   * Executors of a type, approved, each with connections of its own that whoever asked for them closes: one for each process
   * that it runs at a time.
   */
  addExecutors(type: string, count: number, processesAtATime?: number): Promise<Party[]>;
}

const COLONY = 'bench';
/** The server as it was built by `npm run build`, which `npm ci` runs. */
const BUILT_SERVER = fileURLToPath(new URL('./built-server.mjs', import.meta.url));

/** What an executor asks for when it polls. */
export const POLL = { colonyName: COLONY, timeoutSeconds: 20, availableCpu: '', availableMemory: '' };

/** A function for executors of a type, with an argument as long as a public key. */
export function spec(executorType: string, nodeName = '', dependencies: readonly string[] = []): FunctionSpec {
  const kwargs = { 'paillier-pubkey': 'x'.repeat(1024) };
  return functionSpec(COLONY, executorType, { nodeName, kwargs, conditions: { dependencies: [...dependencies] } });
}

/** A workflow of such functions. */
export function workflow(functionSpecs: readonly FunctionSpec[]): {
  spec: { colonyName: string; functionSpecs: FunctionSpec[] };
} {
  return { spec: { colonyName: COLONY, functionSpecs: [...functionSpecs] } };
}

/** What a process gives out: about as long as a ciphertext. */
export const OUTPUT: readonly string[] = ['y'.repeat(1024)];

/** Starts a {@link Setting}; its files go with it. */
export async function startSetting(): Promise<Setting> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-server-'));
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const options = {
    port: 0,
    databasePath: join(directory, 'server.db'),
    serverId: owner.id,
    bootstrap: { colony: { id: owner.id, name: COLONY }, users: [{ id: user.id, name: 'user' }] },
  };
  const server = await spawnServer(options, [BUILT_SERVER]);
  const { port } = server.address;
  let executorCount = 0;
  const founder = await connectParty(port, owner);
  const addOne = async (type: string): Promise<Identity> => {
    const executor = { type, name: `${type} ${executorCount}`, identity: generateIdentity() };
    await founder.call(addExecutor, { executor: executorRegistration(COLONY, executor) });
    await founder.call(approveExecutor, { colonyName: COLONY, executorName: executor.name });
    executorCount += 1;
    return executor.identity;
  };
  return {
    port,
    pid: server.pid,
    directory,
    user,
    async addExecutors(type, count, processesAtATime = 1) {
      const added: Party[] = [];
      while (added.length < count * processesAtATime) {
        const identity = await addOne(type);
        for (let place = 0; place < processesAtATime; place += 1) added.push(await connectParty(port, identity));
      }
      return added;
    },
    async [Symbol.asyncDispose]() {
      founder.close();
      await server.end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
