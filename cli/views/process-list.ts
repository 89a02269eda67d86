import type { ColoniesClient } from '../../colony/client.ts';
import type { Process, ProcessState } from '../../colony/messages/processes.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { type Report, tableReport } from '../framework/report.ts';
import type { Column } from '../framework/table.ts';
import { formatTime } from '../framework/text.ts';
import { formatCell, formatKwargs } from './process.ts';

/** Which processes a list shows, and the time that matters for them. */
interface ListKind {
  /** The third word of the command. */
  readonly command: string;
  readonly state: ProcessState;
  readonly adjective: string;
  readonly timeTitle: string;
  readonly time: 'submissionTime' | 'startTime' | 'endTime';
}

/** Declares `process psw`, `ps`, `pss`, `psf` or `psc`. */
export function defineProcessList({ command, state, adjective, timeTitle, time }: ListKind) {
  return defineCommand({
    describe: `List ${adjective} processes`,
    options: {
      count: { type: 'number', describe: 'at most so many', default: 20, minimum: 1, maximum: 100 },
      executortype: { type: 'string', describe: 'only processes for this executor type' },
      label: { type: 'string', describe: 'only processes with this label' },
      initiator: { type: 'string', describe: 'only processes of this user' },
      ids: { type: 'boolean', alias: 'i', describe: 'show the process ids, too' },
      ...memberKey,
    },
    examples: [[`process ${command} --ids --count 5`, `five ${adjective} processes, with their ids`]],
    async run(args, context): Promise<Report> {
      const { Process } = await import('../../colony/messages/processes.ts');
      const { listToWire } = await import('./wire.ts');
      const { stateNumber } = await import('./states.ts');
      const { client, colonyName } = await context.connect('member', args);
      const processes = await client.getProcesses({
        colonyName,
        count: args.count,
        state: stateNumber(state),
        executorType: args.executortype ?? '',
        label: args.label ?? '',
        initiator: args.initiator ?? '',
      });
      const names = context.flags.json ? new Map<string, string>() : await executorNames(client, colonyName, processes);
      const rows = processes.map((process) => [
        ...(args.ids ? [process.processId] : []),
        ...describeProcess(process, formatTime(process[time]), names),
      ]);
      return tableReport(
        listToWire(Process, processes),
        columnsOf(timeTitle, args.ids),
        rows,
        `No ${adjective} processes found`,
      );
    },
  });
}

function columnsOf(timeTitle: string, withIds: boolean): Column[] {
  return [
    ...(withIds ? [{ title: 'ID' }] : []),
    { title: 'FUNCNAME' },
    { title: 'ARGS', shrinks: true },
    { title: 'KWARGS', shrinks: true },
    { title: timeTitle },
    { title: 'EXECUTOR NAME', shrinks: true },
    { title: 'EXECUTOR TYPE' },
    { title: 'INITIATOR' },
    { title: 'LABEL', shrinks: true },
  ];
}

function describeProcess(process: Process, time: string, names: ReadonlyMap<string, string>): string[] {
  const { spec } = process;
  return [
    spec.functionName,
    spec.args.map(formatCell).join(' '),
    formatKwargs(spec.kwargs, formatCell),
    time,
    names.get(process.assignedExecutorId) ?? '',
    spec.conditions.executorType,
    process.initiatorName,
    spec.label,
  ];
}

/** The names of assigned executors by id. One that is gone keeps its id. */
async function executorNames(
  client: ColoniesClient,
  colonyName: string,
  processes: readonly Process[],
): Promise<Map<string, string>> {
  const ids = new Set(processes.map(({ assignedExecutorId }) => assignedExecutorId).filter((id) => id !== ''));
  const entries = Array.from(ids, async (executorId): Promise<[string, string]> => {
    try {
      return [executorId, (await client.getExecutorById({ colonyName, executorId })).executorName];
    } catch {
      return [executorId, executorId];
    }
  });
  return new Map(await Promise.all(entries));
}
