import type { Environment } from '../../colony/environment.ts';
import type { Statistics } from '../../colony/messages/colonies.ts';
import { ServerError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { memberKey } from '../framework/global-options.ts';
import { formatDuration } from '../framework/text.ts';

const SOURCES: Readonly<Record<Environment['source'], string>> = {
  environment: 'ColonyOS variables',
  development: 'development colony',
  none: 'none',
};

/** `colonies server status` */
export const serverStatus = defineCommand({
  describe: 'Say which server answers, and how much work its colony has',
  options: memberKey,
  examples: [['server status', 'its address and version, and whose keys are in use']],
  async run(args, context) {
    const { formatAddress } = await import('../../colony/address.ts');
    const connection = await context.connect('anyone', args);
    const { client, environment, colonyName } = connection;
    const startMs = performance.now();
    const info = await client.getServerInfo({});
    const roundTripMs = performance.now() - startMs;
    const statistics = await colonyStatistics(connection, context);
    const address = formatAddress(environment.server);
    return {
      json: { address, version: info.buildVersion, roundTripMs, colonyName, keysFrom: environment.source, statistics },
      show: (out) =>
        out.facts([
          ['Address', address],
          ['Version', info.buildVersion],
          ['RoundTrip', formatDuration(roundTripMs)],
          ['Colony', colonyName],
          ['KeysFrom', SOURCES[environment.source]],
          ...statisticsRows(statistics),
        ]),
    };
  },
});

/** Only members of the colony may know. */
async function colonyStatistics(
  { client, colonyName, environment }: Connection,
  context: Context,
): Promise<Statistics | undefined> {
  const { identity } = environment;
  if (identity === undefined || colonyName === '') return undefined;
  try {
    return await client.getColonyStatistics({ colonyName }, { identity });
  } catch (thrown) {
    if (!(thrown instanceof ServerError)) throw thrown;
    context.note(thrown.message);
    return undefined;
  }
}

function statisticsRows(statistics: Statistics | undefined): [string, string][] {
  if (statistics === undefined) return [];
  return [
    ['Executors', String(statistics.activeExecutors)],
    ['Waiting', countBoth(statistics.waitingProcesses, statistics.waitingWorkflows)],
    ['Running', countBoth(statistics.runningProcesses, statistics.runningWorkflows)],
    ['Successful', countBoth(statistics.successfulProcesses, statistics.successfulWorkflows)],
    ['Failed', countBoth(statistics.failedProcesses, statistics.failedWorkflows)],
    ['Cancelled', countBoth(statistics.cancelledProcesses, statistics.cancelledWorkflows)],
  ];
}

function countBoth(processes: number, workflows: number): string {
  return `${count(processes, 'process', 'processes')}, ${count(workflows, 'workflow', 'workflows')}`;
}

function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`;
}
