import { existsSync, rmSync, unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isLoopback, type ServerAddress } from '../../colony/address.ts';
import {
  closeDevelopmentDirectory,
  type DevelopmentColony,
  draftDevelopmentColony,
  loadDevelopmentColony,
} from '../../colony/development-colony.ts';
import { toError, UserError } from '../../colony/errors.ts';
import type { RunningServer, ServerOptions } from '../../server/index.ts';
import type { Context } from '../framework/context.ts';
import { packageVersion } from '../framework/version.ts';
import type { Treatment } from './server-options.ts';

/** Where the embedded server listens, and how its connections are protected. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** PEM files. */
  readonly tlsCertificate: string | undefined;
  readonly tlsKey: string | undefined;
  /** Allows plain HTTP where others can reach it. */
  readonly allowInsecure: boolean;
}

/** The development colony of a directory, or one that is yet to be stored. */
export function findOrDraftColony(directory: string, address: { host: string; port: number }): DevelopmentColony {
  closeDevelopmentDirectory(directory);
  return loadDevelopmentColony(directory) ?? draftDevelopmentColony(directory, address);
}

/**
 * Starts the server of a development colony.
 *
 * @throws UserError when it cannot listen there; a colony that was not stored before leaves nothing behind
 */
export async function startEmbeddedServer(
  colony: DevelopmentColony,
  listening: Listening,
  treatment: Treatment,
  context: Context,
): Promise<RunningServer> {
  const isNew = !existsSync(colony.databasePath);
  const tls = await readTls(listening, context);
  requireProtection(listening, tls);
  try {
    const server = await listen(colony, listening, treatment, tls, context);
    return tls === undefined ? server : followCertificate(server, listening, context);
  } catch (thrown) {
    const refusal = explainListening(toError(thrown), listening);
    if (refusal === undefined) throw thrown;
    if (isNew) removeDatabase(colony.databasePath);
    throw refusal;
  }
}

const LOOKED_AT_EVERY_MS = 2000;

/** Takes over a renewed certificate when its files change. While only one of them has, the former pair stays. */
function followCertificate(server: RunningServer, listening: Listening, context: Context): RunningServer {
  const paths = [listening.tlsCertificate, listening.tlsKey].map((path) => resolve(context.io.cwd, path ?? ''));
  const renew = async (): Promise<void> => {
    try {
      const pair = await readTls(listening, context);
      if (pair !== undefined) server.renewCertificate(pair);
      context.say('The server shows the renewed certificate.');
    } catch (thrown) {
      context.say(`warning: the server keeps its former certificate: ${toError(thrown).message}`);
    }
  };
  const onChange = (): void => void renew();
  for (const path of paths) watchFile(path, { interval: LOOKED_AT_EVERY_MS }, onChange);
  const stop = async (): Promise<void> => {
    for (const path of paths) unwatchFile(path, onChange);
    await server.stop();
  };
  return { ...server, stop, [Symbol.asyncDispose]: stop };
}

/** Where clients on this machine find a server: nobody can connect to "every address", its own name will do. */
export function reachableAddress({ address }: RunningServer): ServerAddress {
  const isEverywhere = address.host === '0.0.0.0' || address.host === '::';
  return { ...address, host: isEverywhere ? 'localhost' : address.host };
}

async function listen(
  colony: DevelopmentColony,
  { host, port, allowInsecure }: Listening,
  treatment: Treatment,
  tls: ServerOptions['tls'],
  context: Context,
): Promise<RunningServer> {
  const { startServer } = await import('../../server/index.ts');
  return startServer({
    host,
    port,
    allowInsecure,
    ...treatment,
    ...(tls === undefined ? {} : { tls }),
    databasePath: colony.databasePath,
    serverId: colony.serverIdentity.id,
    bootstrap: {
      colony: { id: colony.colonyIdentity.id, name: colony.colonyName },
      users: [{ id: colony.userIdentity.id, name: 'developer' }],
    },
    version: packageVersion(),
    log: await context.log('warn'),
  });
}

async function readTls({ tlsCertificate, tlsKey }: Listening, { io }: Context): Promise<ServerOptions['tls']> {
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined;
  const [cert, key] = await Promise.all([
    readPem('--tlscert', resolve(io.cwd, tlsCertificate)),
    readPem('--tlskey', resolve(io.cwd, tlsKey)),
  ]);
  return { cert, key };
}

async function readPem(flag: string, path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    throw new UserError(`${flag}: expected a readable PEM file, got "${toError(thrown).message}"`, { cause: thrown });
  });
  if (text.includes('-----BEGIN ')) return text;
  throw new UserError(`${flag}: ${path}: expected a PEM file, got ${text.length} characters of something else`);
}

function requireProtection({ host, allowInsecure }: Listening, tls: ServerOptions['tls']): void {
  if (tls !== undefined || allowInsecure || isLoopback(host)) return;
  throw new UserError(
    `--host: expected TLS or an address that only this machine reaches, got plain HTTP on ${host}; give --tlscert and ` +
      '--tlskey, or --allow-insecure when a proxy adds TLS',
  );
}

function explainListening(error: Error, { host, port }: Listening): UserError | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'EADDRINUSE') {
    return new UserError(
      `port ${port} of ${host}: expected a free port, got one in use; stop the other server, or choose another one with --port`,
    );
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new UserError(
      `address ${host}:${port}: expected one to listen on, got "${error.message}"; choose another one with --host and --port`,
    );
  }
  if (!code.startsWith('ERR_OSSL') && !code.startsWith('ERR_SSL')) return undefined;
  return new UserError(`--tlscert, --tlskey: expected a certificate and its private key, got "${error.message}"`);
}

/** Its colony has keys that nobody stored. */
function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '.blobs']) rmSync(path + suffix, { recursive: true, force: true });
}
