import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import type { Address } from './rpc.ts';
import { spawnServer } from './server-process.ts';

/** A server in a process of its own, with the colony `test`, its owner and one user, that can be killed. */
export interface MortalServer extends AsyncDisposable {
  readonly colonyOwner: Identity;
  readonly user: Identity;
  /** Where it listens now. */
  address(): Address;
  /** Kills it without warning and starts it again on the same database. */
  killAndRestart(): Promise<void>;
}

/** Starts a {@link MortalServer} that looks often for what has come due. */
export async function startMortalServer(): Promise<MortalServer> {
  const directory = await mkdtemp(join(tmpdir(), 'server-'));
  const [colonyOwner, user] = [generateIdentity(), generateIdentity()];
  const options = {
    port: 0,
    sweepIntervalMs: 5,
    databasePath: join(directory, 'server.db'),
    serverId: colonyOwner.id,
    bootstrap: { colony: { id: colonyOwner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] },
  };
  let server = await spawnServer(options);
  return {
    colonyOwner,
    user,
    address: () => server.address,
    async killAndRestart() {
      await server.end('SIGKILL');
      server = await spawnServer(options);
    },
    async [Symbol.asyncDispose]() {
      await server.end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
