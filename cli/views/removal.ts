import type { ColoniesClient } from '../../colony/client.ts';
import type { ProcessState } from '../../colony/messages/processes.ts';
import { defineCommand, UsageError } from '../command.ts';
import { confirm } from '../framework/confirmation.ts';
import { colonyKey, yesOption } from '../framework/global-options.ts';
import { doneReport, type Report } from '../framework/report.ts';

/** What a `removeall` command removes. */
interface Removal {
  readonly group: 'process' | 'workflow';
  /** The plural that people are told. */
  readonly plural: string;
  /** What stays, or goes with them. */
  readonly details: string;
  remove(client: ColoniesClient, request: { colonyName: string; state: number }): Promise<unknown>;
}

/** Asks the server for those in every state. */
const ANY_STATE = -1;

/** Declares `process removeall` or `workflow removeall`. */
export function defineRemoveAll({ group, plural, details, ...removal }: Removal) {
  return defineCommand({
    describe: `Remove all ${plural} in one state, or all; needs the key of the colony`,
    details,
    options: {
      waiting: { type: 'boolean', describe: `only waiting ${plural}` },
      successful: { type: 'boolean', describe: `only successful ${plural}` },
      failed: { type: 'boolean', describe: `only failed ${plural}` },
      cancelled: { type: 'boolean', describe: `only cancelled ${plural}` },
      ...yesOption,
      ...colonyKey,
    },
    examples: [
      [`${group} removeall --failed`, `asks before it removes the failed ${plural}`],
      [`${group} removeall --successful --yes`, 'from a script'],
    ],
    async run(args, context): Promise<Report> {
      const { stateNumber } = await import('./states.ts');
      const path = [group, 'removeall'];
      const state = chosenState(args, path);
      const what = state === undefined ? `all ${plural}` : `all ${adjectiveOf(state)} ${plural}`;
      const { client, colonyName } = await context.connect('colony', args);
      await confirm(`Remove ${what} of colony "${colonyName}"?`, args.yes, context.io, path);
      await removal.remove(client, { colonyName, state: state === undefined ? ANY_STATE : stateNumber(state) });
      return doneReport(`Removed ${what} of colony ${colonyName}`, { colonyName, state: state ?? 'all' });
    },
  });
}

interface StateFlags {
  readonly waiting: boolean;
  readonly successful: boolean;
  readonly failed: boolean;
  readonly cancelled: boolean;
}

function chosenState(flags: StateFlags, path: readonly string[]): ProcessState | undefined {
  const chosen: ProcessState[] = [
    ...(flags.waiting ? (['waiting'] as const) : []),
    ...(flags.successful ? (['success'] as const) : []),
    ...(flags.failed ? (['failed'] as const) : []),
    ...(flags.cancelled ? (['cancelled'] as const) : []),
  ];
  if (chosen.length <= 1) return chosen[0];
  throw new UsageError('expected one of --waiting, --successful, --failed and --cancelled, got several', path);
}

function adjectiveOf(state: ProcessState): string {
  return state === 'success' ? 'successful' : state;
}
