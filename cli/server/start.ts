import { resolve } from 'node:path';
import { DEFAULT_PORT, formatAddress } from '../../colony/address.ts';
import {
  createDevelopmentColony,
  type DevelopmentColony,
  developmentDirectory,
  loadDevelopmentColony,
  saveDevelopmentColony,
  toExportLines,
} from '../../colony/development-colony.ts';
import { loadEnvironment } from '../../colony/environment.ts';
import { toError, UserError } from '../../colony/errors.ts';
import type { RunningServer } from '../../server/index.ts';
import { defineCommand } from '../command.ts';
import type { Context } from '../framework/context.ts';
import { packageVersion } from '../framework/version.ts';

const DEFAULT_ADDRESS = { host: '127.0.0.1', port: DEFAULT_PORT };

/** `colonies server start` */
export const serverStart = defineCommand({
  describe: 'Run the embedded Colonies server with a development colony',
  details: [
    'Listens on --host and --port, by default where it listened last time, at first on 127.0.0.1:50080.',
    'The first start makes a development colony: keys of server, colony and one user, in a directory that only its owner can enter. As long as no ColonyOS variable is set, all other commands use it.',
    'Ctrl-C stops the server gracefully; running work goes on when it is started again.',
  ].join('\n'),
  options: {
    datadir: {
      type: 'string',
      describe: 'directory of keys and database (default: $SEALED_COLONIES_HOME or ~/.sealed-colonies)',
    },
    export: { type: 'boolean', describe: 'print "export COLONIES_...=..." lines, private keys included' },
    'allow-insecure': { type: 'boolean', describe: 'listen for plain HTTP on an address that others can reach' },
  },
  examples: [
    ['server start', 'a server on 127.0.0.1:50080'],
    ['server start --port 0 --json', 'on a free port, which the JSON document names'],
  ],
  stopsItself: true,
  async run({ datadir, export: wantsExport, allowInsecure }, context) {
    const { io, flags } = context;
    const directory = datadir === undefined ? developmentDirectory(io.env) : resolve(io.cwd, datadir);
    const stored = loadDevelopmentColony(directory) ?? createDevelopmentColony(directory, DEFAULT_ADDRESS);
    const address = { host: flags.host ?? stored.server.host, port: flags.port ?? stored.server.port };
    const server = await listen(stored, address, allowInsecure, context);
    try {
      const colony = saveDevelopmentColony({
        ...stored,
        server: { host: reachableHost(address.host), port: server.port, tls: false },
      });
      warnOtherServer(colony, context);
      announce(colony, wantsExport, context);
      await aborted(io.signal);
    } finally {
      await server.stop();
    }
    context.say('The server has stopped.');
    return undefined;
  },
});

async function listen(
  colony: DevelopmentColony,
  { host, port }: { readonly host: string; readonly port: number },
  allowInsecure: boolean,
  context: Context,
): Promise<RunningServer> {
  const { startServer } = await import('../../server/index.ts');
  try {
    return await startServer({
      host,
      port,
      allowInsecure,
      databasePath: colony.databasePath,
      serverId: colony.serverIdentity.id,
      bootstrap: {
        colony: { id: colony.colonyIdentity.id, name: colony.colonyName },
        users: [{ id: colony.userIdentity.id, name: 'developer' }],
      },
      version: packageVersion(),
      log: await context.log('warn'),
    });
  } catch (thrown) {
    throw explainListening(toError(thrown), host, port);
  }
}

function explainListening(error: Error, host: string, port: number): Error {
  const code = 'code' in error ? error.code : undefined;
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
  return error;
}

/** Nobody can connect to "every address"; on this machine its own name will do. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}

function warnOtherServer(colony: DevelopmentColony, context: Context): void {
  const { source, server } = loadEnvironment(context.io.env);
  if (source === 'environment' && context.io.env['COLONIES_PRVKEY']?.trim() !== colony.userIdentity.privateKey) {
    context.say(
      `warning: ColonyOS variables are set, so other commands in this shell talk to ${formatAddress(server)} with their keys, not to this colony`,
    );
  }
}

function announce(colony: DevelopmentColony, wantsExport: boolean, context: Context): void {
  const { directory, colonyName, server } = colony;
  const address = formatAddress(server);
  context.print({
    json: { address, ...server, colonyName, directory, ...(wantsExport ? { exports: toExportLines(colony) } : {}) },
    show(out, talk) {
      talk.line(
        `The Colonies server listens on ${address}; colony "${colonyName}", keys and database in ${directory}.`,
      );
      talk.line('Next, in other terminals: colonies executor start hospital r1-hospital_executor 55');
      talk.line('For other tools: eval "$(colonies server env)". Ctrl-C stops the server.');
      if (wantsExport) for (const line of toExportLines(colony)) out.line(line);
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
