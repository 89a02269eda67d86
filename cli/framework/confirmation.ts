import { UserError } from '../../colony/errors.ts';
import { UsageError } from '../command.ts';
import type { Io } from './io.ts';

/**
 * Lets the user confirm what cannot be undone, by the word that the official command line asks for.
 *
 * @param question such as `Remove user "ada" of colony "dev"?`
 * @param path the command, whose help is pointed to
 * @throws UsageError where nobody can be asked and `--yes` was not given; UserError at any other answer
 */
export async function confirm(question: string, yes: boolean, io: Io, path: readonly string[]): Promise<void> {
  if (yes) return;
  if (io.ask === undefined) {
    throw new UsageError(`${question} expected --yes, as there is no terminal to ask at; nothing was done`, path);
  }
  const answer = await io.ask(`${question} This cannot be undone. Type YES to go on: `);
  if (answer.trim() !== 'YES') throw new UserError('expected the answer YES, got another one; nothing was done');
}
