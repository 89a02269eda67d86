import type { Command } from '../command.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import type { Group } from './parser.ts';

/** As the first word: what follows is a command line that is being typed, and what could come next is printed. */
export const COMPLETE_FLAG = '--complete';

/**
 * What the last word of a command line could become: names of commands, or options once there is a command and the word
 * begins with a dash.
 *
 * @param words those after the program's name, up to the cursor; the last one may be empty
 */
export async function completionsOf(root: Group, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const candidates = await candidatesAfter(root, words.slice(0, -1), typed.startsWith('-'));
  return candidates.filter((candidate) => candidate.startsWith(typed)).toSorted();
}

async function candidatesAfter(root: Group, words: readonly string[], wantsOption: boolean): Promise<string[]> {
  let group = root;
  for (const word of words) {
    const next = Object.hasOwn(group.commands, word) ? group.commands[word] : undefined;
    if (next === undefined) continue;
    if (typeof next === 'function') return wantsOption ? optionsOf(await next()) : [];
    if ('load' in next) return wantsOption ? optionsOf(await next.load()) : [];
    group = next;
  }
  return wantsOption ? optionsOf({}) : Object.keys(group.commands);
}

function optionsOf({ positional = {}, options = {} }: Pick<Command, 'positional' | 'options'>): string[] {
  return [positional, options, GLOBAL_OPTIONS, { help: undefined }].flatMap(Object.keys).map((name) => `--${name}`);
}
