import { resolve } from 'node:path';
import { DEFAULT_PORT, formatAddress } from '../../colony/address.ts';
import {
  type DevelopmentColony,
  developmentDirectory,
  saveDevelopmentColony,
  toExportLines,
} from '../../colony/development-colony.ts';
import { loadEnvironment } from '../../colony/environment.ts';
import { defineCommand, UsageError } from '../command.ts';
import type { Context } from '../framework/context.ts';
import { findOrDraftColony, reachableAddress, startEmbeddedServer } from '../views/embedded-server.ts';
import { readTreatment, TREATMENT_OPTIONS } from '../views/server-options.ts';

const DEFAULT_ADDRESS = { host: '127.0.0.1', port: DEFAULT_PORT };

/** `colonies server start` */
export const serverStart = defineCommand({
  describe: 'Run the embedded Colonies server with a development colony',
  details: [
    'Listens on --host and --port, by default where it listened last time, at first on 127.0.0.1:50080.',
    'The first start makes a development colony: keys of server, colony and one user, in a directory that only its owner can enter. As long as no ColonyOS variable is set, all other commands use it.',
    'With --tlscert and --tlskey it speaks HTTPS, and so do the other commands that use the colony. For a certificate that no authority signed, give them NODE_EXTRA_CA_CERTS=<its PEM file>.',
    'It takes over a renewed certificate while it runs. GET /health says whether it can work; GET /metrics is for Prometheus, on this machine only unless SEALED_COLONIES_METRICS_TOKEN is set to what readers must show (authorization: Bearer <token>).',
    'Variables of the official server count where they mean the same: those named with the options, and COLONIES_CRON_CHECKER_PERIOD and COLONIES_GENERATOR_CHECKER_PERIOD (milliseconds).',
    'Ctrl-C stops the server gracefully; running work goes on when it is started again.',
  ].join('\n'),
  options: {
    datadir: {
      type: 'string',
      describe: 'directory of keys and database (default: $SEALED_COLONIES_HOME or ~/.sealed-colonies)',
    },
    export: { type: 'boolean', describe: 'print "export COLONIES_...=..." lines, private keys included' },
    tlscert: { type: 'string', describe: 'PEM file with the certificate: speak HTTPS; needs --tlskey' },
    tlskey: { type: 'string', describe: 'PEM file with the private key of the certificate' },
    ...TREATMENT_OPTIONS,
    'allow-insecure': { type: 'boolean', describe: 'listen for plain HTTP on an address that others can reach' },
  },
  examples: [
    ['server start', 'a server on 127.0.0.1:50080'],
    ['server start --host 0.0.0.0 --tlscert cert.pem --tlskey key.pem', 'for other machines, over HTTPS'],
    [
      'server start --trusted-proxy 127.0.0.1',
      'behind a reverse proxy on this machine, which adds TLS and X-Forwarded-For',
    ],
    ['server start --port 0 --json', 'on a free port, which the JSON document names'],
  ],
  stopsItself: true,
  async run(args, context) {
    const { datadir, export: wantsExport, tlscert, tlskey, allowInsecure } = args;
    const { io, flags } = context;
    if ((tlscert === undefined) !== (tlskey === undefined)) {
      throw new UsageError('expected --tlscert and --tlskey together, got one of them', ['server', 'start']);
    }
    const directory = datadir === undefined ? developmentDirectory(io.env) : resolve(io.cwd, datadir);
    const found = findOrDraftColony(directory, DEFAULT_ADDRESS);
    const server = await startEmbeddedServer(
      found,
      {
        host: flags.host ?? found.server.host,
        port: flags.port ?? found.server.port,
        tlsCertificate: tlscert,
        tlsKey: tlskey,
        allowInsecure,
      },
      readTreatment(args, io.env),
      context,
    );
    try {
      const colony = saveDevelopmentColony({ ...found, server: reachableAddress(server) });
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
