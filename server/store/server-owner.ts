import type { Database } from './database.ts';

/** The id of the server's owner, who founds colonies. */
export function serverOwnerOf(database: Database): string {
  return find(database)?.owner_id ?? '';
}

/**
 * Settles at the start whose server this is. Who the database says it is stays the owner, also after the owner has
 * changed the id with a message, for as long as the server is started with the same id; a new one given at the start
 * takes over, so that whoever runs the server can replace a lost key.
 *
 * @param givenId the id that the server is started with
 * @returns the owner's id
 */
export function settleServerOwner(database: Database, givenId: string): string {
  const known = find(database);
  if (known?.given_id === givenId) return known.owner_id;
  database.run('INSERT OR REPLACE INTO server_owner (only_row, owner_id, given_id) VALUES (1, ?1, ?1)', givenId);
  return givenId;
}

/** Hands the server over to another id. */
export function changeServerOwner(database: Database, ownerId: string): void {
  database.run('UPDATE server_owner SET owner_id = ?', ownerId);
}

function find(database: Database): { readonly owner_id: string; readonly given_id: string } | undefined {
  return database.get('SELECT owner_id, given_id FROM server_owner');
}
