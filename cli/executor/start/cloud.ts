import { defineCommand } from '../../command.ts';
import { daemonOptions, runDaemon } from '../../views/daemon.ts';

/** `colonies executor start cloud` */
export const executorStartCloud = defineCommand({
  describe: 'Run the daemon of a cloud: adds encrypted numbers that it cannot read',
  details: 'Ctrl-C stops it gracefully; a second Ctrl-C ends it at once.',
  options: {
    type: {
      type: 'string',
      describe: 'executor type that workflows address it by',
      default: 'cloud-hospital-executor',
    },
    ...daemonOptions,
  },
  examples: [['executor start cloud', 'as in the tutorial']],
  stopsItself: true,
  async run(args, context) {
    const { startCloud } = await import('../../../executors/cloud/daemon.ts');
    return runDaemon(context, args.type, args, startCloud);
  },
});
