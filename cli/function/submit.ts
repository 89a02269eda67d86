import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { parseFunctionSpec } from '../../workflows/function-spec.ts';
import { defineCommand } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';
import { memberKey, stayOptions } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';

/** `colonies function submit` */
export const functionSubmit = defineCommand({
  describe: 'Submit one function as described in a file',
  options: {
    spec: { type: 'string', describe: 'the function spec, a JSON file', required: true },
    label: { type: 'string', describe: 'label of the process, instead of the one in the file' },
    snapshot: { type: 'boolean', describe: 'first take a snapshot of every label in its fs.snapshots' },
    ...stayOptions,
    ...memberKey,
  },
  examples: [['function submit --spec function.json --out', 'submit, wait, and print the output']],
  async run(args, context) {
    const { reportSubmitted } = await import('../views/process-wait.ts');
    // The file first: what is wrong with it can be told without a server or a key.
    const { colonyName } = await context.environment(args);
    const spec = await loadFunctionSpec(args.spec, colonyName, context);
    const connection = await context.connect('member', args, { bridgeMs: PATIENT_BRIDGE_MS });
    const labelled = { ...spec, label: args.label ?? spec.label };
    const complete = args.snapshot ? await withSnapshots(connection, labelled) : labelled;
    return reportSubmitted(connection, await connection.client.submitFunctionSpec({ spec: complete }), args, context);
  },
});

async function withSnapshots(connection: Connection, spec: FunctionSpec): Promise<FunctionSpec> {
  const { takeSnapshots } = await import('../views/spec-snapshots.ts');
  return takeSnapshots(connection, spec);
}

async function loadFunctionSpec(file: string, colonyName: string, { io, say }: Context) {
  const { spec, warnings } = parseFunctionSpec(await readJsonText(io, file), file, colonyName);
  for (const warning of warnings) say(`warning: ${warning}`);
  return spec;
}
