import { randomBytes } from 'node:crypto';
import { type ClientOptions, type ColoniesClient, createColoniesClient } from '../../colony/client.ts';
import {
  loadEnvironment,
  requireColonyIdentity,
  requireColonyName,
  requireIdentity,
} from '../../colony/environment.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { executorRegistration, startTestColony } from '../support/test-colony.ts';

/** A colony on some Colonies server, and the keys to work in it. */
export interface ConformanceColony extends AsyncDisposable {
  readonly colonyName: string;
  /** Signs as a user. */
  readonly user: ColoniesClient;
  /** Registers and approves an executor of a type that nobody else has; gives a client that signs as it. */
  addExecutor(): Promise<{ readonly client: ColoniesClient; readonly type: string; readonly name: string }>;
}

/**
 * The embedded server; or, with `CONFORMANCE_SERVER=environment`, the one that the ColonyOS variables describe, such as
 * the official server of a docker-compose installation.
 */
export async function openConformanceColony(): Promise<ConformanceColony> {
  if (process.env['CONFORMANCE_SERVER'] === 'environment') return describeColony(environmentColony());
  const colony = await startTestColony();
  const { address: server, colonyName, user, colonyOwner } = colony;
  return { ...describeColony({ server, colonyName, user, colonyOwner }), [Symbol.asyncDispose]: () => colony.stop() };
}

interface Access {
  readonly server: ClientOptions['server'];
  readonly colonyName: string;
  readonly user: Identity;
  readonly colonyOwner: Identity;
}

function environmentColony(): Access {
  const environment = loadEnvironment();
  return {
    server: environment.server,
    colonyName: requireColonyName(environment),
    user: requireIdentity(environment),
    colonyOwner: requireColonyIdentity(environment),
  };
}

function describeColony({ server, colonyName, user, colonyOwner }: Access): ConformanceColony {
  const owner = createColoniesClient({ server, identity: colonyOwner });
  return {
    colonyName,
    user: createColoniesClient({ server, identity: user }),
    async addExecutor() {
      const identity = generateIdentity();
      const unique = randomBytes(6).toString('hex');
      const executor = { identity, type: `conformance-${unique}-type`, name: `conformance-${unique}` };
      await owner.addExecutor({ executor: executorRegistration(colonyName, executor) });
      await owner.approveExecutor({ colonyName, executorName: executor.name });
      return { client: createColoniesClient({ server, identity }), type: executor.type, name: executor.name };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
