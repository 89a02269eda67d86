import { STATE } from './graph.ts';
import type { Call } from './handler.ts';
import { Refusal } from './refusal.ts';
import { requireMember } from './roles.ts';
import type { Database } from './store/database.ts';
import { findColony } from './store/members.ts';

/**
 * Who may cancel and remove what others have submitted, added or taken: every member of the colony, as on the official
 * server, or (`initiators`) the one it is of and the colony's owner.
 */
export type Ownership = 'members' | 'initiators';

/** Something of a colony that can be cancelled or removed. */
export interface Belonging {
  readonly colonyName: string;
  /** Whose it is: ids, empty for nobody's. All of several things must be the caller's. */
  readonly ownerIds: readonly string[];
  /** How a refusal names it, such as `process`. */
  readonly what: string;
}

/** @throws Refusal 403 unless the caller may cancel or remove it */
export function requireSay(call: Call, { colonyName, ownerIds, what }: Belonging): void {
  const isRestricted = call.facts.ownership === 'initiators';
  if (isRestricted && findColony(call.database, colonyName)?.colony_id === call.callerId) return;
  const { id } = requireMember(call, colonyName);
  if (!isRestricted || ownerIds.every((ownerId) => ownerId === id)) return;
  throw new Refusal(
    403,
    `Access denied, this ${what} is another member's; on this server only that one and the colony's owner may cancel or remove it`,
  );
}

/** What carries the id of whom it is of. Of processes only those that have not ended: there are few of them. */
const BELONGINGS = [
  `processes SET initiator_id = ?1 WHERE initiator_id = ?2 AND colony_name = ?3
     AND state IN (${STATE.waiting}, ${STATE.running})`,
  'workflows SET initiator_id = ?1 WHERE initiator_id = ?2 AND colony_name = ?3',
  'crons SET initiator_id = ?1 WHERE initiator_id = ?2 AND colony_name = ?3',
  'generators SET initiator_id = ?1 WHERE initiator_id = ?2 AND colony_name = ?3',
  'files SET adder_id = ?1 WHERE adder_id = ?2 AND colony_name = ?3',
  'snapshots SET adder_id = ?1 WHERE adder_id = ?2 AND colony_name = ?3',
];

/** Lets a member who has got a new id keep what is of the former one; crons and generators go on acting for it. */
export function keepBelongings(database: Database, colonyName: string, formerId: string, newId: string): void {
  for (const belonging of BELONGINGS) database.run(`UPDATE ${belonging}`, newId, formerId, colonyName);
}
