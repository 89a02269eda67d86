import { DEFAULT_PORT, isLoopback, type ServerAddress } from './address.ts';
import { DEVELOPMENT_COLONY_NAME, developmentDirectory, loadDevelopmentColony } from './development-colony.ts';
import { UserError } from './errors.ts';
import { type Identity, readIdentity } from './identity.ts';

/** Which server, which colony and whose keys the process works with. */
export interface Environment {
  readonly server: ServerAddress;
  /** Empty when the ColonyOS variables are set without `COLONIES_COLONY_NAME`; see {@link requireColonyName}. */
  readonly colonyName: string;
  /** A user or an executor: `COLONIES_PRVKEY`. */
  readonly identity?: Identity;
  /** The colony's owner: `COLONIES_COLONY_PRVKEY`. */
  readonly colonyIdentity?: Identity;
  /** The server's owner: `COLONIES_SERVER_PRVKEY`. */
  readonly serverIdentity?: Identity;
  readonly executorName?: string;
  readonly executorType?: string;
  /** `none`: neither variables nor a development colony; the address is where one would be. */
  readonly source: 'environment' | 'development' | 'none';
}

/** Any of these set means: the variables describe the colony, the development colony is not looked at. */
const DECISIVE = [
  'COLONIES_SERVER_HOST',
  'COLONIES_SERVER_HTTP_PORT',
  'COLONIES_SERVER_PORT',
  'COLONIES_TLS',
  'COLONIES_SERVER_TLS',
  'COLONIES_COLONY_NAME',
  'COLONIES_PRVKEY',
  'COLONIES_COLONY_PRVKEY',
  'COLONIES_SERVER_PRVKEY',
] as const;

/**
 * Reads the ColonyOS variables; without any of them, the development colony of `colonies server start`.
 *
 * The variables are those of the official tools: COLONIES_SERVER_HOST (localhost), COLONIES_SERVER_HTTP_PORT, then
 * COLONIES_SERVER_PORT (50080), COLONIES_TLS, then COLONIES_SERVER_TLS, COLONIES_COLONY_NAME, COLONIES_PRVKEY,
 * COLONIES_COLONY_PRVKEY, COLONIES_SERVER_PRVKEY, COLONIES_EXECUTOR_NAME, COLONIES_EXECUTOR_TYPE. One default differs:
 * without COLONIES_TLS the official tools speak HTTPS everywhere, we do so except on this machine's own addresses.
 *
 * @throws UserError that names the variable; it never shows a key
 */
export function loadEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  options: { readonly directory?: string } = {},
): Environment {
  const read = readerOf(env);
  const executor = {
    ...given('executorName', read('COLONIES_EXECUTOR_NAME')),
    ...given('executorType', read('COLONIES_EXECUTOR_TYPE')),
  };
  if (DECISIVE.some((name) => read(name) !== undefined)) return { ...fromVariables(read), ...executor };
  return { ...fromDevelopmentColony(options.directory ?? developmentDirectory(env)), ...executor };
}

/** The colony's name, for what cannot do without. */
export function requireColonyName(environment: Environment): string {
  if (environment.colonyName !== '') return environment.colonyName;
  throw missing(environment, 'COLONIES_COLONY_NAME', 'the name of a colony');
}

/** Who submits or works: a user or an executor. */
export function requireIdentity(environment: Environment): Identity {
  return environment.identity ?? missingKey(environment, 'COLONIES_PRVKEY', 'a user or an executor');
}

/** The owner of the colony. */
export function requireColonyIdentity(environment: Environment): Identity {
  return environment.colonyIdentity ?? missingKey(environment, 'COLONIES_COLONY_PRVKEY', "the colony's owner");
}

/** The owner of the server. */
export function requireServerIdentity(environment: Environment): Identity {
  return environment.serverIdentity ?? missingKey(environment, 'COLONIES_SERVER_PRVKEY', "the server's owner");
}

type Reader = (name: string) => string | undefined;

/** An empty variable counts as not set, as shells and compose files leave them behind. */
function readerOf(env: NodeJS.ProcessEnv): Reader {
  return (name) => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
}

function fromVariables(read: Reader): Environment {
  const host = hostOf(read);
  return {
    server: { host, port: portOf(read), tls: tlsOf(read) ?? !isLoopback(host) },
    colonyName: read('COLONIES_COLONY_NAME') ?? '',
    ...given('identity', keyOf(read, 'COLONIES_PRVKEY')),
    ...given('colonyIdentity', keyOf(read, 'COLONIES_COLONY_PRVKEY')),
    ...given('serverIdentity', keyOf(read, 'COLONIES_SERVER_PRVKEY')),
    source: 'environment',
  };
}

function fromDevelopmentColony(directory: string): Environment {
  const colony = loadDevelopmentColony(directory);
  if (colony === undefined) {
    const server = { host: 'localhost', port: DEFAULT_PORT, tls: false };
    return { server, colonyName: DEVELOPMENT_COLONY_NAME, source: 'none' };
  }
  return {
    server: colony.server,
    colonyName: colony.colonyName,
    identity: colony.userIdentity,
    colonyIdentity: colony.colonyIdentity,
    serverIdentity: colony.serverIdentity,
    source: 'development',
  };
}

function hostOf(read: Reader): string {
  const host = read('COLONIES_SERVER_HOST') ?? 'localhost';
  if (/[/\s@]|^[^:]+:\d+$/u.test(host)) {
    throw new UserError(
      'COLONIES_SERVER_HOST: expected a host name or an IP address alone, got a URL or a port with it; ' +
        'the port goes into COLONIES_SERVER_HTTP_PORT',
    );
  }
  return host.replace(/^\[|\]$/gu, '');
}

function portOf(read: Reader): number {
  const name = read('COLONIES_SERVER_HTTP_PORT') === undefined ? 'COLONIES_SERVER_PORT' : 'COLONIES_SERVER_HTTP_PORT';
  const text = read(name);
  if (text === undefined) return DEFAULT_PORT;
  const port = Number(text);
  if (/^\d{1,5}$/u.test(text) && port >= 1 && port <= 65_535) return port;
  throw new UserError(`${name}: expected a port from 1 to 65535, got "${text}"`);
}

function tlsOf(read: Reader): boolean | undefined {
  const name = read('COLONIES_TLS') === undefined ? 'COLONIES_SERVER_TLS' : 'COLONIES_TLS';
  const text = read(name)?.toLowerCase();
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UserError(`${name}: expected true or false, got "${text}"`);
}

function keyOf(read: Reader, name: string): Identity | undefined {
  const text = read(name);
  return text === undefined ? undefined : readIdentity(text, name);
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key loses its literal type
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}

function missingKey(environment: Environment, variable: string, holder: string): never {
  throw missing(environment, variable, `the private key of ${holder}`);
}

function missing(environment: Environment, variable: string, what: string): UserError {
  const advice =
    environment.source === 'none'
      ? 'start a development colony with "colonies server start", or set the ColonyOS variables'
      : 'set it, or unset all ColonyOS variables to use the development colony';
  return new UserError(`${variable}: expected ${what}, got nothing; ${advice}`);
}
