import { defineCommand, UsageError } from '../command.ts';
import type { Connection } from '../framework/context.ts';
import { memberKey, stayOptions } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { unknownToServer } from '../framework/refusals.ts';

/** `colonies function exec` */
export const functionExec = defineCommand({
  describe: 'Submit one function as described by flags',
  options: {
    func: { type: 'string', describe: 'name of the function', required: true },
    targettype: { type: 'string', describe: 'executor type that runs it' },
    targetid: { type: 'string', describe: 'id of the one executor that runs it, instead of any of a type' },
    args: { type: 'string', list: true, describe: 'arguments, separated by commas' },
    kwargs: { type: 'string', list: true, describe: 'named arguments as name:value, separated by commas' },
    env: { type: 'string', list: true, describe: 'environment variables as name=value, separated by commas' },
    label: { type: 'string', describe: 'label of the process', default: '' },
    maxexectime: { type: 'number', describe: 'seconds that one execution may take; -1: no limit', default: -1 },
    maxwaittime: { type: 'number', describe: 'seconds in the queue; -1: no limit', default: -1 },
    maxretries: { type: 'number', describe: 'further attempts after one that ran out of time; -1: any', default: -1 },
    ...stayOptions,
    ...memberKey,
  },
  examples: [
    ['function exec --func echo --targettype cli --args hello --out', 'call a function, print its output'],
    ['function exec --func greet --targettype greeter --kwargs name:Ada,tone:warm --wait', 'named arguments'],
  ],
  async run(args, context) {
    if ((args.targettype === undefined) === (args.targetid === undefined)) {
      throw new UsageError('expected either --targettype or --targetid', ['function', 'exec']);
    }
    const z = await import('zod');
    const { FunctionSpec } = await import('../../colony/messages/processes.ts');
    const { reportSubmitted } = await import('../views/process-wait.ts');
    const kwargs = readPairs('kwargs', args.kwargs);
    const env = readPairs('env', args.env);
    const connection = await context.connect('member', args, { bridgeMs: PATIENT_BRIDGE_MS });
    const spec = z.decode(FunctionSpec, {
      funcname: args.func,
      args: args.args,
      kwargs,
      env,
      label: args.label,
      maxwaittime: args.maxwaittime,
      maxexectime: args.maxexectime,
      maxretries: args.maxretries,
      conditions: { colonyname: connection.colonyName, ...(await findTarget(connection, args)) },
    });
    return reportSubmitted(connection, await connection.client.submitFunctionSpec({ spec }), args, context);
  },
});

interface TargetArguments {
  readonly targettype: string | undefined;
  readonly targetid: string | undefined;
}

/** Which executors may run the function, in the words of the protocol, which names them and has no ids there. */
async function findTarget(
  { client, colonyName }: Connection,
  { targettype, targetid: executorId }: TargetArguments,
): Promise<{ readonly executortype: string | undefined; readonly executornames?: readonly string[] }> {
  if (executorId === undefined) return { executortype: targettype };
  const { executorName, executorType } = await client
    .getExecutorById({ colonyName, executorId })
    .catch(unknownToServer(`executor ${executorId}`));
  return { executortype: executorType, executornames: [executorName] };
}

/** `name:value` or `name=value`; the first separator counts. */
function readPairs(flag: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([^:=]+)[:=](.*)$/su.exec(pair) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new UsageError(`--${flag}: expected name:value, got "${pair}"`, ['function', 'exec']);
    }),
  );
}
