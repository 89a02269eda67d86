import { UserError } from '../colony/errors.ts';
import { findColony, findUser } from './store/members.ts';
import type { Transaction } from './transaction.ts';

/** A colony and users that must exist once the server runs. */
export interface Bootstrap {
  readonly colony: { readonly id: string; readonly name: string };
  readonly users: readonly { readonly id: string; readonly name: string }[];
}

/**
 * Creates what is missing; what exists already is left alone.
 *
 * @throws UserError when the colony or a user of that name exists with another id
 */
export function applyBootstrap({ database }: Transaction, { colony, users }: Bootstrap): void {
  const existing = findColony(database, colony.name);
  requireSameId('colony', colony.name, existing?.colony_id, colony.id);
  if (existing === undefined) {
    database.run('INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)', colony.name, colony.id);
  }
  for (const user of users) {
    const known = findUser(database, colony.name, user.name);
    requireSameId('user', user.name, known?.user_id, user.id);
    if (known === undefined) {
      database.run('INSERT INTO users VALUES (?, ?, ?, ?, ?)', colony.name, user.name, user.id, '', '');
    }
  }
}

function requireSameId(kind: string, name: string, known: string | undefined, wanted: string): void {
  if (known === undefined || known === wanted) return;
  throw new UserError(
    `server database: expected ${kind} "${name}" with the id of the given key, got one with another id; use the keys this database was created with, or another database file`,
  );
}
