import { defineCommand } from '../../command.ts';
import { runDaemon } from '../../views/daemon.ts';
import { regressionDaemonOptions, regressionOptions } from '../../views/regression-daemon.ts';

const PATH = ['executor', 'start', 'regression-aggregator'];

/** `colonies executor start regression-aggregator` */
export const executorStartRegressionAggregator = defineCommand({
  describe: 'Run the daemon that adds the encrypted predictions of a regression',
  details: 'It holds no data. In threshold mode it makes the key and deals shares of it, and is trusted to forget it.',
  positional: {
    type: { type: 'string', describe: 'executor type that requests address it by', default: 'regression-aggregator' },
  },
  options: regressionDaemonOptions,
  examples: [['executor start regression-aggregator', 'under the name that requests expect']],
  stopsItself: true,
  async run(args, context) {
    const { type: executorType } = args;
    const own = regressionOptions(executorType, args, context, PATH);
    const { startAggregator } = await import('../../../executors/regression/daemon.ts');
    return runDaemon(context, executorType, { ...args, key: undefined }, (options) =>
      startAggregator({ ...options, executorType, ...own }),
    );
  },
});
