import type { Logger } from 'pino';
import type { ColoniesClient } from '../../colony/client.ts';
import type { Environment } from '../../colony/environment.ts';
import type { GlobalArguments } from './global-options.ts';
import type { Io } from './io.ts';
import type { Report } from './report.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { printableJson } from './text.ts';

/** Whose key signs: nobody's, a user's or executor's, the colony owner's, the server owner's. */
export type Role = 'anyone' | 'member' | 'colony' | 'server';

/** Private keys and a colony given as flags; they come before the environment's. */
export interface KeyArguments {
  readonly colonyname?: string | undefined;
  readonly prvkey?: string | undefined;
  readonly colonyprvkey?: string | undefined;
  readonly serverprvkey?: string | undefined;
}

/** A client that signs in a role, and the colony to work in. */
export interface Connection {
  readonly client: ColoniesClient;
  readonly environment: Environment;
  /** The name of the colony. */
  readonly colonyName: string;
}

/** What every command works with. */
export interface Context {
  readonly io: Io;
  readonly flags: GlobalArguments;
  /** Standard error, for everything that is no data. */
  readonly talk: Terminal;
  /** Prints a report now, for commands that go on afterwards. */
  print(report: Report): void;
  /** Says something to the user on standard error. */
  readonly say: (message: string) => void;
  /** Says something on standard error when the user asked for more with `--verbose`. */
  readonly note: (message: string) => void;
  /** Flags, then the environment, then the development colony, then defaults. */
  environment(keys?: KeyArguments): Promise<Environment>;
  /**
   * Opens a client.
   *
   * @param options.bridgeMs how long a lost connection is bridged; 0 by default, so that a wrong address is told at once
   * @throws UserError when the role's key is missing
   */
  connect(role: Role, keys?: KeyArguments, options?: { readonly bridgeMs?: number }): Promise<Connection>;
  /** The structured log of daemons, on standard error, from `level` on; with `--verbose` everything. */
  log(level?: 'info' | 'warn'): Promise<Logger>;
}

/** Makes the context of one run. What is heavy is loaded when a command asks for it, so that help stays fast. */
export function createContext(io: Io, flags: GlobalArguments): Context {
  const talk = openTerminal(io.stderr, io.env);
  const environment = async (keys: KeyArguments = {}): Promise<Environment> => {
    const { resolveEnvironment } = await import('./settings.ts');
    return resolveEnvironment(io.env, flags, keys);
  };
  return {
    io,
    flags,
    talk,
    say: (message) => talk.line(message),
    environment,
    note: (message) => {
      if (flags.verbose) talk.line(message);
    },
    print(report) {
      if (flags.json) io.stdout.write(`${printableJson(report.json)}\n`);
      else report.show(openTerminal(io.stdout, io.env), talk);
    },
    async connect(role, keys = {}, { bridgeMs = 0 } = {}) {
      const { openConnection } = await import('./settings.ts');
      return openConnection(await environment(keys), role, bridgeMs);
    },
    async log(level = 'info') {
      const { createLog } = await import('./log.ts');
      return createLog(io, flags.verbose ? 'debug' : level);
    },
  };
}
