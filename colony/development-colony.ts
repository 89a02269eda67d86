import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { ServerAddress } from './address.ts';
import { UserError } from './errors.ts';
import { generateIdentity, type Identity, identityFromPrivateKey } from './identity.ts';
import { closeDirectory, readPrivateFile, writePrivateFile } from './private-files.ts';
import { formatIssues } from './schema-errors.ts';

/**
 * A server, a colony and a user for one person's machine: what `colonies server start` creates when no ColonyOS
 * variable is set, so that everything works without any configuration. All keys lie in one file that only its owner
 * can read; whoever reads it owns the colony.
 */
export interface DevelopmentColony {
  readonly directory: string;
  readonly server: ServerAddress;
  readonly colonyName: string;
  readonly serverIdentity: Identity;
  readonly colonyIdentity: Identity;
  /** Submits workflows. */
  readonly userIdentity: Identity;
  /** The server's database. */
  readonly databasePath: string;
}

/** The name of every development colony. */
export const DEVELOPMENT_COLONY_NAME = 'dev';

const FILE_NAME = 'development.json';

const privateKey = z.codec(z.string(), z.custom<Identity>(), {
  decode: (text, context) => {
    try {
      return identityFromPrivateKey(text);
    } catch {
      context.issues.push({
        code: 'custom',
        message: 'expected a private key of 64 hexadecimal characters',
        input: null,
      });
      return z.NEVER;
    }
  },
  encode: (identity) => identity.privateKey,
});

const StoredColony = z.object({
  host: z.string().min(1),
  port: z.number().int().min(1).max(65_535),
  tls: z.boolean().default(false),
  colonyName: z.string().min(1),
  serverPrivateKey: privateKey,
  colonyPrivateKey: privateKey,
  userPrivateKey: privateKey,
});

/** Where the development colony lives: `$SEALED_COLONIES_HOME`, else `~/.sealed-colonies`. */
export function developmentDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env['SEALED_COLONIES_HOME'];
  return chosen === undefined || chosen === '' ? join(homedir(), '.sealed-colonies') : chosen;
}

/**
 * Reads the development colony.
 *
 * @returns undefined when none has been created
 * @throws UserError when its file is damaged or others may read it
 */
export function loadDevelopmentColony(directory = developmentDirectory()): DevelopmentColony | undefined {
  const path = join(directory, FILE_NAME);
  const text = readPrivateFile(path);
  if (text === undefined) return undefined;
  const stored = StoredColony.safeParse(parseJson(text, path));
  if (!stored.success) throw damaged(path, formatIssues(stored.error));
  const { host, port, tls, colonyName, serverPrivateKey, colonyPrivateKey, userPrivateKey } = stored.data;
  return {
    directory,
    server: { host, port, tls },
    colonyName,
    serverIdentity: serverPrivateKey,
    colonyIdentity: colonyPrivateKey,
    userIdentity: userPrivateKey,
    databasePath: join(directory, 'server.db'),
  };
}

/**
 * Closes the directory of a development colony to everybody but its owner.
 *
 * @throws UserError when others can enter it, and it holds files but no development colony
 */
export function closeDevelopmentDirectory(directory: string): void {
  closeDirectory(directory, (names) => names.length === 0 || names.includes(FILE_NAME));
}

/** A development colony with fresh keys that is stored nowhere yet. It speaks plain HTTP: keep it on this machine. */
export function draftDevelopmentColony(
  directory: string,
  address: Pick<ServerAddress, 'host' | 'port'>,
): DevelopmentColony {
  return {
    directory,
    server: { host: address.host, port: address.port, tls: false },
    colonyName: DEVELOPMENT_COLONY_NAME,
    serverIdentity: generateIdentity(),
    colonyIdentity: generateIdentity(),
    userIdentity: generateIdentity(),
    databasePath: join(directory, 'server.db'),
  };
}

/**
 * Creates a development colony as {@link draftDevelopmentColony} does, and stores it.
 *
 * @throws UserError when there is one already; its keys are those of a running server
 */
export function createDevelopmentColony(
  directory = developmentDirectory(),
  address: Pick<ServerAddress, 'host' | 'port'>,
): DevelopmentColony {
  const path = join(directory, FILE_NAME);
  if (readPrivateFile(path) !== undefined) {
    throw new UserError(`${path}: expected no development colony, got one; remove the directory to start anew`);
  }
  return saveDevelopmentColony(draftDevelopmentColony(directory, address));
}

/** Stores a development colony, for instance with another port, and returns it. */
export function saveDevelopmentColony(colony: DevelopmentColony): DevelopmentColony {
  const stored = z.encode(StoredColony, {
    host: colony.server.host,
    port: colony.server.port,
    tls: colony.server.tls,
    colonyName: colony.colonyName,
    serverPrivateKey: colony.serverIdentity,
    colonyPrivateKey: colony.colonyIdentity,
    userPrivateKey: colony.userIdentity,
  });
  writePrivateFile(join(colony.directory, FILE_NAME), `${JSON.stringify(stored, null, 2)}\n`);
  return colony;
}

/**
 * The colony as shell commands, for the official tools: the only place that shows its private keys. Both spellings of
 * port and TLS are there, since the Go tools read one and the Python package the other.
 */
export function toExportLines(colony: DevelopmentColony): readonly string[] {
  const { server } = colony;
  const variables = {
    COLONIES_SERVER_HOST: server.host,
    COLONIES_SERVER_HTTP_PORT: String(server.port),
    COLONIES_SERVER_PORT: String(server.port),
    COLONIES_TLS: String(server.tls),
    COLONIES_SERVER_TLS: String(server.tls),
    COLONIES_COLONY_NAME: colony.colonyName,
    COLONIES_SERVER_PRVKEY: colony.serverIdentity.privateKey,
    COLONIES_COLONY_PRVKEY: colony.colonyIdentity.privateKey,
    COLONIES_PRVKEY: colony.userIdentity.privateKey,
  };
  return Object.entries(variables).map(([name, value]) => `export ${name}=${value}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(path, `expected JSON, got ${text.length} characters of something else`);
  }
}

function damaged(path: string, what: string): UserError {
  return new UserError(`${path}: ${what}; restore it, or remove the directory to start anew`);
}
