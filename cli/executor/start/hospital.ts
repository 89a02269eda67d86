import { resolve } from 'node:path';
import { defineCommand, UsageError } from '../../command.ts';
import { daemonOptions, runDaemon } from '../../views/daemon.ts';

const PATH = ['executor', 'start', 'hospital'];

/** `colonies executor start hospital` */
export const executorStartHospital = defineCommand({
  describe: 'Run the daemon of a hospital: encrypts its own numbers for whoever submits a workflow',
  details: [
    'A secret on the command line can be seen by other users of this machine: use it for trials, and a configuration for real data.',
    'With the key of the colony the daemon approves itself, otherwise it waits for "colonies executor approve".',
    'Ctrl-C stops it gracefully; a second Ctrl-C ends it at once.',
  ].join('\n'),
  positional: {
    type: { type: 'string', describe: 'executor type that workflows address it by', required: true },
    secret: { type: 'string', describe: 'the one number it holds' },
  },
  options: {
    config: { type: 'string', describe: 'JSON file that names a data source and its queries, instead of a secret' },
    ...daemonOptions,
  },
  examples: [
    ['executor start hospital r1-hospital_executor 55', 'as in the tutorial'],
    ['executor start hospital r1-hospital_executor --config hospital.json', 'real patient data'],
  ],
  stopsItself: true,
  async run(args, context) {
    const { type: executorType, secret, config } = args;
    if ((secret === undefined) === (config === undefined)) {
      throw new UsageError('expected either a secret number or --config <file.json>', PATH);
    }
    if (secret !== undefined && !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu.test(secret.trim())) {
      throw new UsageError(`secret: expected a number, got text of ${secret.length} characters`, PATH);
    }
    const data = config === undefined ? { secret: secret ?? '' } : { configPath: resolve(context.io.cwd, config) };
    const { startHospital } = await import('../../../executors/hospital/daemon.ts');
    return runDaemon(context, executorType, args, (options) => startHospital({ ...options, executorType, data }));
  },
});
