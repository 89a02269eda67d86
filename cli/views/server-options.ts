import { UserError } from '../../colony/errors.ts';
import type { ServerOptions } from '../../server/index.ts';
import type { ArgumentsOf } from '../command.ts';

/** How the embedded server treats those who use it. */
export type Treatment = Pick<
  ServerOptions,
  | 'rates'
  | 'staleExecutorSeconds'
  | 'retentionSeconds'
  | 'allowExecutorReregister'
  | 'ownership'
  | 'maxBodyBytes'
  | 'blobs'
  | 'sweepIntervalMs'
  | 'metricsToken'
  | 'trustedProxies'
>;

/** The options of `server start` that say it. Where the official server has a variable for the same, that is the default. */
export const TREATMENT_OPTIONS = {
  'member-rate': {
    type: 'number',
    describe: 'requests per second that one user, executor or owner may send; 0 for any number',
    default: 5000,
    minimum: 0,
  },
  'stranger-rate': {
    type: 'number',
    describe: 'requests per second from one address that nobody known has signed; 0 for any number',
    default: 200,
    minimum: 0,
  },
  'trusted-proxy': {
    type: 'string',
    list: true,
    describe:
      'address or network (10.0.0.0/8) of a reverse proxy whose X-Forwarded-For says who asks, for --stranger-rate; may be repeated',
  },
  'stale-after': {
    type: 'number',
    describe:
      'seconds after which an executor that is not heard from is unregistered (default: $COLONIES_STALE_EXECUTOR_DURATION or 600)',
    minimum: 1,
  },
  retention: {
    type: 'number',
    describe:
      'seconds after which processes and workflows that have ended, logs and unregistered executors are removed (default: $COLONIES_RETENTION_POLICY where $COLONIES_RETENTION is true, else never)',
    minimum: 1,
  },
  'allow-executor-reregister': {
    type: 'boolean',
    describe:
      'let the owner of a colony register another key under the name of an executor (default: $COLONIES_ALLOW_EXECUTOR_REREGISTER or false)',
  },
  ownership: {
    type: 'string',
    choices: ['members', 'initiators'],
    describe:
      'who may cancel and remove work, crons, generators, files and snapshots: every member of the colony, or only who submitted or added them, and the owner of the colony',
    default: 'members',
  },
  'max-body-mib': {
    type: 'number',
    describe: 'largest request in MiB; larger values travel as blobs',
    default: 16,
    minimum: 1,
    maximum: 256,
  },
  'max-blob-mib': { type: 'number', describe: 'largest blob in MiB', default: 4096, minimum: 1 },
  'max-colony-blobs-mib': {
    type: 'number',
    describe: 'what all blobs of one colony may take, in MiB',
    default: 65_536,
    minimum: 1,
  },
  'blob-grace': {
    type: 'number',
    describe: 'seconds for which a blob is kept that no process or file names',
    default: 3600,
    minimum: 1,
  },
} as const;

type TreatmentArguments = ArgumentsOf<typeof TREATMENT_OPTIONS>;
type Environment = Readonly<Record<string, string | undefined>>;

const MEBIBYTE = 1024 ** 2;

/**
 * What the options say, and where they say nothing the variables.
 *
 * @throws UserError for a variable that cannot be understood
 */
export function readTreatment(args: TreatmentArguments, env: Environment): Treatment {
  const retentionSeconds = args.retention ?? readRetention(env);
  const staleExecutorSeconds = args.staleAfter ?? readWhole(env, 'COLONIES_STALE_EXECUTOR_DURATION');
  const sweepIntervalMs = readCheckerPeriod(env);
  return {
    rates: { memberRequestsPerSecond: args.memberRate, strangerRequestsPerSecond: args.strangerRate },
    trustedProxies: args.trustedProxy,
    ...(staleExecutorSeconds === undefined ? {} : { staleExecutorSeconds }),
    ...(retentionSeconds === undefined ? {} : { retentionSeconds }),
    ...(sweepIntervalMs === undefined ? {} : { sweepIntervalMs }),
    allowExecutorReregister: args.allowExecutorReregister || readTruth(env, 'COLONIES_ALLOW_EXECUTOR_REREGISTER'),
    ownership: args.ownership,
    maxBodyBytes: args.maxBodyMib * MEBIBYTE,
    blobs: {
      maxBlobBytes: args.maxBlobMib * MEBIBYTE,
      maxColonyBytes: args.maxColonyBlobsMib * MEBIBYTE,
      graceMs: args.blobGrace * 1000,
    },
    metricsToken: env['SEALED_COLONIES_METRICS_TOKEN'] || undefined,
  };
}

function readRetention(env: Environment): number | undefined {
  if (!readTruth(env, 'COLONIES_RETENTION')) return undefined;
  const seconds = readWhole(env, 'COLONIES_RETENTION_POLICY');
  if (seconds !== undefined) return seconds;
  throw new UserError(
    'COLONIES_RETENTION: expected COLONIES_RETENTION_POLICY with it, got none; set that to a number of seconds, or give --retention',
  );
}

/** Crons, generators and deadlines are looked at together: as often as the more frequent of the first two. */
function readCheckerPeriod(env: Environment): number | undefined {
  const periods = ['COLONIES_CRON_CHECKER_PERIOD', 'COLONIES_GENERATOR_CHECKER_PERIOD']
    .map((name) => readWhole(env, name, 10))
    .filter((period) => period !== undefined);
  return periods.length === 0 ? undefined : Math.min(...periods);
}

/** Longer times would be too long for a timer. */
const MOST = 2 ** 31 - 1;

function readWhole(env: Environment, name: string, minimum = 1): number | undefined {
  const text = env[name]?.trim() ?? '';
  if (text === '') return undefined;
  const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= MOST) return value;
  throw new UserError(`${name}: expected a whole number from ${minimum} to ${MOST}, got "${text.slice(0, 40)}"`);
}

function readTruth(env: Environment, name: string): boolean {
  const text = env[name]?.trim() ?? '';
  if (text === 'true' || text === 'false' || text === '') return text === 'true';
  throw new UserError(`${name}: expected true or false, got "${text.slice(0, 40)}"`);
}
