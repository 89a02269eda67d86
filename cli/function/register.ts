import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { madeReport } from '../framework/report.ts';

/** `colonies function register` */
export const functionRegister = defineCommand({
  describe: 'Say that an executor runs a function; needs the key of the executor',
  details: 'The daemons of this project register what they run themselves. Prints the id of the registration.',
  options: {
    func: { type: 'string', describe: 'name of the function', required: true },
    name: { type: 'string', describe: 'name of the executor', required: true },
    ...memberKey,
  },
  examples: [['function register --func echo --name r1 --prvkey <key>', 'executor r1 runs "echo"']],
  async run({ func: functionName, name: executorName, prvkey }, context) {
    const { RegisteredFunction } = await import('../../colony/messages/executors.ts');
    const { toWire } = await import('../views/wire.ts');
    const { decode } = await import('zod');
    const { client, colonyName } = await context.connect('member', { prvkey });
    const wanted = { executorname: executorName, colonyname: colonyName, funcname: functionName };
    const registered = await client
      .addFunction({ function: decode(RegisteredFunction, wanted) })
      .catch(unknownToServer(`executor "${executorName}"`));
    const { functionId } = registered;
    return madeReport(`Function added: ${functionName}`, functionId, toWire(RegisteredFunction, registered));
  },
});
