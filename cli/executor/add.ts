import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies executor add` */
export const executorAdd = defineCommand({
  describe: 'Register an executor by its id; needs the key of the colony',
  details: 'The daemons of this project register themselves when they have the key of the colony.',
  options: {
    executorid: { type: 'string', describe: 'id of the executor', required: true },
    name: { type: 'string', describe: 'name, unique in the colony for ever (default: COLONIES_EXECUTOR_NAME)' },
    type: { type: 'string', describe: 'what workflows address it by (default: COLONIES_EXECUTOR_TYPE)' },
    approve: { type: 'boolean', describe: 'let it work at once' },
    ...colonyKey,
  },
  examples: [['executor add --executorid <id> --name r1 --type hospital --approve', 'register and approve']],
  async run(args, context) {
    const { Executor } = await import('../../colony/messages/executors.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName, environment } = await context.connect('colony', args);
    const executorName = args.name ?? environment.executorName ?? missing('name', 'COLONIES_EXECUTOR_NAME');
    const executorType = args.type ?? environment.executorType ?? missing('type', 'COLONIES_EXECUTOR_TYPE');
    const executor = await client.addExecutor({
      executor: {
        executorId: args.executorid,
        executorType,
        executorName,
        colonyName,
        requireFunctionRegistration: false,
      },
    });
    if (args.approve) await client.approveExecutor({ colonyName, executorName });
    const state = args.approve ? ('approved' as const) : executor.state;
    const message = args.approve ? 'Executor added and approved' : 'Executor added, waiting for its approval';
    return doneReport(`${message}: ${executorName}`, toWire(Executor, { ...executor, state }));
  },
});

function missing(flag: string, variable: string): never {
  throw new UserError(`--${flag}: expected a text, got nothing; give the flag or set ${variable}`);
}
