import { isLoopback, type ServerAddress } from '../../colony/address.ts';
import { createColoniesClient } from '../../colony/client.ts';
import {
  type Environment,
  loadEnvironment,
  requireColonyIdentity,
  requireColonyName,
  requireIdentity,
  requireServerIdentity,
} from '../../colony/environment.ts';
import { type Identity, readIdentity } from '../../colony/identity.ts';
import type { Connection, KeyArguments, Role } from './context.ts';
import type { GlobalArguments } from './global-options.ts';
import type { Io } from './io.ts';

/**
 * Where the command line works and with which keys: flags, then ColonyOS variables, then the development colony, then
 * defaults.
 *
 * @throws UserError that names the flag or variable
 */
export function resolveEnvironment(env: Io['env'], flags: GlobalArguments, keys: KeyArguments): Environment {
  const environment = loadEnvironment(env);
  const { colonyname, prvkey, colonyprvkey, serverprvkey } = keys;
  return {
    ...environment,
    server: resolveServer(env, flags, environment.server),
    ...(colonyname === undefined ? {} : { colonyName: colonyname }),
    ...(prvkey === undefined ? {} : { identity: readIdentity(prvkey, '--prvkey') }),
    ...(colonyprvkey === undefined ? {} : { colonyIdentity: readIdentity(colonyprvkey, '--colonyprvkey') }),
    ...(serverprvkey === undefined ? {} : { serverIdentity: readIdentity(serverprvkey, '--serverprvkey') }),
  };
}

/** Opens a client that signs in a role. */
export function openConnection(environment: Environment, role: Role, bridgeMs: number): Connection {
  const client = createColoniesClient({
    server: environment.server,
    identity: IDENTITY_OF[role](environment),
    retry: { forMs: bridgeMs },
  });
  const isWithinColony = role === 'member' || role === 'colony';
  return { client, environment, colonyName: isWithinColony ? requireColonyName(environment) : environment.colonyName };
}

function resolveServer(env: Io['env'], flags: GlobalArguments, server: ServerAddress): ServerAddress {
  const host = flags.host ?? server.host;
  const statesTls = [env['COLONIES_TLS'], env['COLONIES_SERVER_TLS']].some((text) => text?.trim());
  const tls = flags.host === undefined || statesTls ? server.tls : !isLoopback(host);
  return { host, port: flags.port ?? server.port, tls: tls && !flags.insecure };
}

const IDENTITY_OF: Readonly<Record<Role, (environment: Environment) => Identity | undefined>> = {
  anyone: () => undefined,
  member: requireIdentity,
  colony: requireColonyIdentity,
  server: requireServerIdentity,
};
