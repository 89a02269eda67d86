import type { ColoniesClient } from '../../colony/client.ts';
import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport, type Report } from '../framework/report.ts';

/** The option of the commands that pause, which may name another colony than the environment does. */
export const colonyNameOption = {
  colonyname: { type: 'string', describe: 'name of the colony (default: COLONIES_COLONY_NAME)' },
} as const;

/** A change of whether a colony hands out processes. */
interface Pausing {
  readonly describe: string;
  readonly details: string;
  readonly example: readonly [command: string, meaning: string];
  readonly isPaused: boolean;
  apply(client: ColoniesClient, colony: { colonyName: string }): Promise<unknown>;
}

/** Declares `process pause` or `resume`. */
export function definePausing({ describe, details, example, isPaused, ...pausing }: Pausing) {
  return defineCommand({
    describe: `${describe}; needs the key of the colony`,
    details,
    options: { ...colonyNameOption, ...colonyKey },
    examples: [example],
    async run(args, context): Promise<Report> {
      const { client, colonyName } = await context.connect('colony', args);
      await pausing.apply(client, { colonyName }).catch(unknownToServer(`colony "${colonyName}"`));
      const done = isPaused ? 'paused' : 'resumed';
      return doneReport(`Assignment of processes ${done}: colony ${colonyName}`, { colonyName, isPaused });
    },
  });
}
