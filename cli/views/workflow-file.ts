import { WorkflowSpec } from '../../colony/messages/workflows.ts';
import { parseWorkflow } from '../../workflows/spec.ts';
import type { Context } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';
import { fillPublicKey, publicKeyOption } from './public-key.ts';
import { toWire } from './wire.ts';

/** Options of every command that takes a workflow from a file. */
export const workflowFileOptions = {
  spec: { type: 'string', describe: 'the workflow, a JSON file', required: true },
  ...publicKeyOption,
} as const;

/** Their values. */
interface WorkflowFileArguments {
  readonly spec: string;
  readonly publicKey: string;
}

/**
 * Reads and checks a workflow, with the public key in it where it asks for one. What is odd is said.
 *
 * @throws UserError listing everything that is wrong with the file, or when the key is missing
 */
export async function loadWorkflow(
  { spec: file, publicKey }: WorkflowFileArguments,
  colonyName: string,
  context: Context,
): Promise<WorkflowSpec> {
  const { spec, warnings } = parseWorkflow(await readJsonText(context.io, file), file, colonyName);
  for (const warning of warnings) context.say(`warning: ${warning}`);
  return { ...spec, functionSpecs: await fillPublicKey(spec.functionSpecs, publicKey, context) };
}

/** A workflow as the JSON text that crons and generators keep. */
export function workflowToText(spec: WorkflowSpec): string {
  return JSON.stringify(toWire(WorkflowSpec, spec));
}
