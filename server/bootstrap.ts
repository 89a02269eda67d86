import { UserError } from '../colony/errors.ts';
import { findColony, findUser, isFormerId } from './store/members.ts';
import type { Transaction } from './transaction.ts';

/** A colony and users that must exist once the server runs. */
export interface Bootstrap {
  readonly colony: { readonly id: string; readonly name: string };
  readonly users: readonly { readonly id: string; readonly name: string }[];
}

/**
 * Creates what is missing; what exists already is left alone, also when its id was changed by a message since.
 *
 * @throws UserError when the colony or a user of that name exists, and never had the given id
 */
export function applyBootstrap({ database }: Transaction, { colony, users }: Bootstrap): void {
  const existing = findColony(database, colony.name);
  const hadId = (userName: string, formerId: string) =>
    isFormerId(database, { colonyName: colony.name, userName, formerId });
  if (!hadId('', colony.id)) requireSameId('colony', colony.name, existing?.colony_id, colony.id);
  if (existing === undefined) {
    database.run('INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)', colony.name, colony.id);
  }
  for (const user of users) {
    const known = findUser(database, colony.name, user.name);
    if (!hadId(user.name, user.id)) requireSameId('user', user.name, known?.user_id, user.id);
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
