import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';
import { registerExecutor, readRegistration, registrationOptions } from '../views/executor-registration.ts';

/** `colonies executor add` */
export const executorAdd = defineCommand({
  describe: 'Register an executor by its id; needs the key of the colony',
  details: 'The daemons of this project register themselves when they have the key of the colony.',
  options: {
    executorid: { type: 'string', describe: 'id of the executor', required: true },
    ...registrationOptions,
    ...colonyKey,
  },
  examples: [['executor add --executorid <id> --name r1 --type hospital --approve', 'register and approve']],
  async run(args, context) {
    const { Executor } = await import('../../colony/messages/executors.ts');
    const { toWire } = await import('../views/wire.ts');
    const connection = await context.connect('colony', args);
    const wanted = await readRegistration(args.executorid, args, connection, context);
    const { message, executor } = await registerExecutor(connection, wanted, args);
    return doneReport(message, toWire(Executor, executor));
  },
});
