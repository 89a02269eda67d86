import { addAttribute, getAttribute } from '../../colony/messages/processes.ts';
import { STATE } from '../graph.ts';
import { faultTexts, type Handler, reads, writes } from '../handler.ts';
import { attributeIdOf, requireAttempt } from '../process-lifecycle.ts';
import { Refusal, required } from '../refusal.ts';
import { requireMember, requireProcess } from '../roles.ts';
import type { Database } from '../store/database.ts';
import { findAttribute, insertAttribute, type ProcessRow, specOf } from '../store/processes.ts';
import { MAX_ATTRIBUTES } from '../limits.ts';

/** Keys and values attached to processes. */
export const attributeHandlers: readonly Handler[] = [
  writes({
    message: addAttribute,
    texts: faultTexts('Failed to add attribute', undefined, { attribute: 'Failed to add attribute, invalid JSON' }),
    role: ({ attribute }, call) =>
      requireProcess(call, attribute.processId, [404, 'Failed to add attribute, process not found']),
    handle({ attempt, attribute }, { process, member }, { database }) {
      if (process.state !== STATE.running) throw new Refusal(403, 'Failed to add attribute, process is not running');
      if (process.assigned_executor_id !== member.id) {
        throw new Refusal(
          403,
          `Failed to add attribute, only executor with id <${process.assigned_executor_id}> is allowed to set attributes`,
        );
      }
      requireAttempt(process, attempt, 'Failed to add attribute');
      const attributeId = attributeIdOf(process.process_id, attribute.key, attribute.attributeType);
      if (findAttribute(database, attributeId) !== undefined) {
        throw new Refusal(400, `Failed to add attribute, the process has one with key <${attribute.key}> already`);
      }
      requireRoom(database, process, attribute.key.length + attribute.value.length);
      insertAttribute(database, { ...attribute, attributeId });
      return required(findAttribute(database, attributeId), 500, 'Failed to add attribute').attribute;
    },
  }),
  reads({
    message: getAttribute,
    texts: faultTexts('Failed to get attribute'),
    role({ attributeId }, call) {
      const found = required(findAttribute(call.database, attributeId), 400, 'Attribute does not exists');
      requireMember(call, found.process.colony_name);
      return found.attribute;
    },
    handle: (_request, attribute) => attribute,
  }),
];

/** @throws Refusal 400 when a process has too many attributes, beside those of its environment, for one more */
function requireRoom(database: Database, process: ProcessRow, characterCount: number): void {
  const stored = database.get<{ count: number; characters: number | null }>(
    'SELECT count(*) AS count, sum(length(key) + length(value)) AS characters FROM attributes WHERE process_id = ?',
    process.process_id,
  );
  const environment = Object.entries(specOf(process).env);
  const environmentCharacters = environment.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  const addedCount = (stored?.count ?? 0) - environment.length;
  const addedCharacters = (stored?.characters ?? 0) - environmentCharacters;
  const { count, characters } = MAX_ATTRIBUTES;
  if (addedCount < count && addedCharacters + characterCount <= characters) return;
  throw new Refusal(400, `Failed to add attribute, expected at most ${count} with ${characters} characters in all`);
}
