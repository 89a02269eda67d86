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

const PATH = ['executor', 'start', 'regression-feature'];

/** `colonies executor start regression-feature` */
export const executorStartRegressionFeature = defineCommand({
  describe: 'Run the daemon of a party that holds columns of a regression',
  details: partyDetails(
    'Its columns never leave it; what it learns are its own coefficients, which it writes into its directory.',
  ),
  positional: partyPositional,
  options: {
    ...partyDataOptions,
    columns: { type: 'string', list: true, describe: 'columns to train with (default: all but the id column)' },
    ...regressionDaemonOptions,
  },
  examples: [
    ['executor start regression-feature x1 --source x1.csv', 'rows meet by position'],
    [
      'executor start regression-feature clinic_a --source clinic_a.csv --id-column id --ids common.txt',
      'rows meet by id',
    ],
  ],
  stopsItself: true,
  async run(args, context) {
    const { party: executorType } = args;
    const own = regressionOptions(executorType, args, context, PATH);
    const data = partyData(args, args.columns.length === 0 ? undefined : args.columns, context);
    const { startFeatureParty } = await import('../../../executors/regression/daemon.ts');
    return runDaemon(context, executorType, { ...args, key: undefined }, (options) =>
      startFeatureParty({ ...options, executorType, ...own }, data),
    );
  },
});
