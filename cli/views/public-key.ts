import { resolve } from 'node:path';
import type { FunctionSpec } from '../../colony/messages/processes.ts';
import { needsPublicKey, withPublicKey } from '../../workflows/public-key.ts';
import type { Context } from '../framework/context.ts';
import { loadPublicKey, PUBLIC_KEY_FILE } from '../key-files.ts';

/** Option of every command that takes functions from a file. */
export const publicKeyOption = {
  'public-key': {
    type: 'string',
    describe: 'file with the public key that functions of the file ask for',
    default: PUBLIC_KEY_FILE,
  },
} as const;

/**
 * The functions with the public key where they ask for one; where none does, no key is read.
 *
 * @throws UserError when the key is missing or none
 */
export async function fillPublicKey(
  specs: readonly FunctionSpec[],
  file: string,
  { io }: Context,
): Promise<readonly FunctionSpec[]> {
  if (!needsPublicKey(specs)) return specs;
  return withPublicKey(specs, (await loadPublicKey(resolve(io.cwd, file))).text);
}
