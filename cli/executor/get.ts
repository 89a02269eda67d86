import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';

/** `colonies executor get` */
export const executorGet = defineCommand({
  describe: 'Print everything about an executor',
  positional: { name: { type: 'string', describe: 'name of the executor', required: true } },
  options: memberKey,
  examples: [['executor get r1', 'its state, what it is capable of, and the functions it runs']],
  async run({ name: executorName, prvkey }, context) {
    const { Executor } = await import('../../colony/messages/executors.ts');
    const { showExecutor } = await import('../views/executor.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey });
    const executor = await client
      .getExecutor({ colonyName, executorName })
      .catch(unknownToServer(`executor "${executorName}"`));
    const functions = context.flags.json ? [] : await client.getFunctions({ colonyName, executorName });
    return { json: toWire(Executor, executor), show: (out) => showExecutor(executor, functions, out) };
  },
});
