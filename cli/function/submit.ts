import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { parseFunctionSpecs, type ParsedFunctionSpecs } from '../../workflows/function-spec.ts';
import { PUBLIC_KEY_PLACEHOLDER } from '../../workflows/public-key.ts';
import { defineCommand, UsageError } from '../command.ts';
import type { Connection, Context } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';
import { memberKey, stayOptions } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { fillPublicKey, publicKeyOption } from '../views/public-key.ts';

/** `colonies function submit` */
export const functionSubmit = defineCommand({
  describe: 'Submit one function as described in a file, or a list of functions',
  details:
    `A named argument with the value "${PUBLIC_KEY_PLACEHOLDER}" is replaced by the public key of the local key pair. ` +
    'A list is submitted in batches of a hundred, where the server takes them. What the server accepts of it is submitted ' +
    'although it refuses others: those are named by their place in the list, which begins with $[0], and the exit code is 1. ' +
    'With --json, that is {"submitted": [processes], "refused": [{"index", "status", "message"}]}. ' +
    '--wait, --out and --follow stay with one function only.',
  options: {
    spec: {
      type: 'string',
      describe: 'a function spec or a list of them that do not depend on each other, a JSON file',
      required: true,
    },
    ...publicKeyOption,
    label: { type: 'string', describe: 'label of the process, instead of the one in the file' },
    snapshot: { type: 'boolean', describe: 'first take a snapshot of every label in its fs.snapshots' },
    ...stayOptions,
    ...memberKey,
  },
  examples: [
    ['function submit --spec function.json --out', 'submit, wait, and print the output'],
    ['function submit --spec functions.json', 'submit a list, print one process id per line'],
  ],
  async run(args, context) {
    // The file first: what is wrong with it can be told without a server or a key.
    const { colonyName } = await context.environment(args);
    const { specs, isList } = await loadFunctionSpecs(args, colonyName, context);
    if (isList && (args.wait || args.out || args.follow)) {
      const got = `a list of ${specs.length} in ${args.spec}`;
      throw new UsageError(`--wait, --out, --follow: expected one function to stay with, got ${got}`, PATH);
    }
    const connection = await context.connect('member', args, { bridgeMs: PATIENT_BRIDGE_MS });
    const completed: FunctionSpec[] = [];
    for (const spec of specs) {
      const labelled = { ...spec, label: args.label ?? spec.label };
      completed.push(args.snapshot ? await withSnapshots(connection, labelled) : labelled);
    }
    const [only] = completed;
    if (isList || only === undefined) {
      const { submitAll } = await import('../views/submission-list.ts');
      return submitAll(connection, completed, context);
    }
    const { reportSubmitted } = await import('../views/process-wait.ts');
    return reportSubmitted(connection, await connection.client.submitFunctionSpec({ spec: only }), args, context);
  },
});

const PATH = ['function', 'submit'];

async function withSnapshots(connection: Connection, spec: FunctionSpec): Promise<FunctionSpec> {
  const { takeSnapshots } = await import('../views/spec-snapshots.ts');
  return takeSnapshots(connection, spec);
}

async function loadFunctionSpecs(
  { spec: file, publicKey }: { readonly spec: string; readonly publicKey: string },
  colonyName: string,
  context: Context,
): Promise<ParsedFunctionSpecs> {
  const parsed = parseFunctionSpecs(await readJsonText(context.io, file), file, colonyName);
  for (const warning of parsed.warnings) context.say(`warning: ${warning}`);
  return { ...parsed, specs: await fillPublicKey(parsed.specs, publicKey, context) };
}
