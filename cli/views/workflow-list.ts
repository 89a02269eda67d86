import type { ProcessState } from '../../colony/messages/processes.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { type Report, tableReport } from '../framework/report.ts';
import { formatTime } from '../framework/text.ts';

/** Which workflows a list shows, and the time that matters for them. */
interface ListKind {
  /** The third word of the command. */
  readonly command: string;
  readonly state: ProcessState;
  readonly adjective: string;
  readonly timeTitle: string;
  readonly time: 'submissionTime' | 'startTime' | 'endTime';
}

/** Declares `workflow psw`, `ps`, `pss`, `psf` or `psc`. */
export function defineWorkflowList({ command, state, adjective, timeTitle, time }: ListKind) {
  return defineCommand({
    describe: `List ${adjective} workflows`,
    options: {
      count: { type: 'number', describe: 'at most so many', default: 20, minimum: 1, maximum: 100 },
      ...memberKey,
    },
    examples: [[`workflow ${command} --json`, `the newest ${adjective} workflows as a JSON document`]],
    async run(args, context): Promise<Report> {
      const { Workflow } = await import('../../colony/messages/workflows.ts');
      const { listToWire } = await import('./wire.ts');
      const { stateNumber } = await import('./states.ts');
      const { client, colonyName } = await context.connect('member', args);
      const workflows = await client.getWorkflows({ colonyName, count: args.count, state: stateNumber(state) });
      return tableReport(
        listToWire(Workflow, workflows),
        [{ title: 'WORKFLOWID' }, { title: timeTitle }, { title: 'INITIATOR' }],
        workflows.map((workflow) => [workflow.workflowId, formatTime(workflow[time]), workflow.initiatorName]),
        `No ${adjective} workflows found`,
      );
    },
  });
}
