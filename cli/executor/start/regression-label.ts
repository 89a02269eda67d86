import { defineCommand } from '../../command.ts';
import { runDaemon } from '../../views/daemon.ts';
import {
  partyData,
  partyDataOptions,
  partyDetails,
  partyPositional,
  regressionDaemonOptions,
  regressionOptions,
} from '../../views/regression-daemon.ts';

const PATH = ['executor', 'start', 'regression-label'];

/** `colonies executor start regression-label` */
export const executorStartRegressionLabel = defineCommand({
  describe: 'Run the daemon of the party that holds the labels of a regression',
  details: partyDetails('It submits the workflows of its runs, and writes loss curve and metrics into its directory.'),
  positional: partyPositional,
  options: {
    ...partyDataOptions,
    target: { type: 'string', describe: 'column with the labels (default: the only one but the id column)' },
    ...regressionDaemonOptions,
  },
  examples: [['executor start regression-label y --source y.csv', 'one column, rows meet by position']],
  stopsItself: true,
  async run(args, context) {
    const { party: executorType, target } = args;
    const own = regressionOptions(executorType, args, context, PATH);
    const data = partyData(args, target === undefined ? undefined : [target], context);
    const { startLabelParty } = await import('../../../executors/regression/daemon.ts');
    return runDaemon(context, executorType, { ...args, key: undefined }, (options) =>
      startLabelParty({ ...options, executorType, ...own }, data),
    );
  },
});
