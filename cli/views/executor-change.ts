import type { ColoniesClient } from '../../colony/client.ts';
import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport, type Report } from '../framework/report.ts';

/** A change of an executor by the colony's owner. */
interface Change {
  readonly describe: string;
  readonly done: string;
  readonly example: readonly [command: string, meaning: string];
  apply(client: ColoniesClient, executor: { colonyName: string; executorName: string }): Promise<unknown>;
}

/** Declares `executor approve`, `reject` or `remove`. */
export function defineExecutorChange(change: Change) {
  return defineCommand({
    describe: `${change.describe}; needs the key of the colony`,
    positional: { name: { type: 'string', describe: 'name of the executor', required: true } },
    options: colonyKey,
    examples: [change.example],
    async run(args, context): Promise<Report> {
      const { client, colonyName } = await context.connect('colony', args);
      await change
        .apply(client, { colonyName, executorName: args.name })
        .catch(unknownToServer(`executor "${args.name}"`));
      return doneReport(`${change.done}: ${args.name}`, { colonyName, executorName: args.name });
    },
  });
}
