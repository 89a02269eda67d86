import { resolve } from 'node:path';
import { WorkflowSpec } from '../../colony/messages/workflows.ts';
import { needsPublicKey, parseWorkflow, withPublicKey } from '../../workflows/spec.ts';
import type { Context } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';
import { loadPublicKey, PUBLIC_KEY_FILE } from '../key-files.ts';
import { toWire } from './wire.ts';

/** Options of every command that takes a workflow from a file. */
export const workflowFileOptions = {
  spec: { type: 'string', describe: 'the workflow, a JSON file', required: true },
  'public-key': {
    type: 'string',
    describe: 'file with the public key that the workflow asks for',
    default: PUBLIC_KEY_FILE,
  },
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
  { io, say }: Context,
): Promise<WorkflowSpec> {
  const { spec, warnings } = parseWorkflow(await readJsonText(io, file), file, colonyName);
  for (const warning of warnings) say(`warning: ${warning}`);
  if (!needsPublicKey(spec)) return spec;
  return withPublicKey(spec, (await loadPublicKey(resolve(io.cwd, publicKey))).text);
}

/** A workflow as the JSON text that crons and generators keep. */
export function workflowToText(spec: WorkflowSpec): string {
  return JSON.stringify(toWire(WorkflowSpec, spec));
}
