import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { defineCommand, UsageError } from '../command.ts';
import { memberKey, stayOptions } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';

/** `colonies function exec` */
export const functionExec = defineCommand({
  describe: 'Submit one function as described by flags',
  options: {
    func: { type: 'string', describe: 'name of the function', required: true },
    targettype: { type: 'string', describe: 'executor type that runs it', required: true },
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
  examples: [['function exec --func echo --targettype cli --args hello --out', 'call a function, print its output']],
  async run(args, context) {
    const { reportSubmitted } = await import('../views/process-wait.ts');
    const kwargs = readPairs('kwargs', args.kwargs);
    const env = readPairs('env', args.env);
    const { client, colonyName } = await context.connect('member', args, { bridgeMs: PATIENT_BRIDGE_MS });
    const spec: FunctionSpec = {
      nodeName: '',
      functionName: args.func,
      args: args.args,
      kwargs,
      priority: 0,
      maxWaitTimeSeconds: args.maxwaittime,
      maxExecTimeSeconds: args.maxexectime,
      maxRetries: args.maxretries,
      conditions: conditionsFor(colonyName, args.targettype),
      label: args.label,
      filesystem: undefined,
      env,
      channels: undefined,
    };
    return reportSubmitted(client, await client.submitFunctionSpec({ spec }), args, context);
  },
});

function conditionsFor(colonyName: string, executorType: string): FunctionSpec['conditions'] {
  return {
    colonyName,
    executorNames: [],
    executorType,
    locationName: undefined,
    dependencies: [],
    nodes: 0,
    cpu: '',
    processes: 0,
    processesPerNode: 0,
    memory: '',
    storage: '',
    gpu: undefined,
    wallTimeSeconds: 0,
  };
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
