import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { findColony } from '../../server/store/members.ts';
import { undoable } from '../../server/transaction.ts';

/** An empty database in memory. */
function open(): Database & Disposable {
  const database = openDatabase(':memory:');
  return { ...database, [Symbol.dispose]: () => database.close() };
}

function add(database: Database, name: string): void {
  database.run('INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)', name, `id of ${name}`);
}

test('what was looked up about members is found once, until one of them changes', () => {
  using database = open();
  let findCount = 0;
  const find = () => database.remember('key', () => (findCount += 1));
  expect([find(), find()]).toEqual([1, 1]);
  database.run('DELETE FROM logs');
  expect(find()).toBe(1);
  database.run('DELETE FROM colonies');
  expect(find()).toBe(2);
});

test('a colony is seen as soon as it is added, and no longer once it is removed', () => {
  using database = open();
  expect(findColony(database, 'c')).toBeUndefined();
  add(database, 'c');
  expect(findColony(database, 'c')).toMatchObject({ colony_id: 'id of c' });
  database.run('DELETE FROM colonies WHERE colony_name = ?', 'c');
  expect(findColony(database, 'c')).toBeUndefined();
});

test('what was seen of a change is forgotten when the change is taken back, alone or with its transaction', () => {
  using database = open();
  const fail = (): never => {
    expect(findColony(database, 'c')).toBeDefined();
    throw new Error('taken back');
  };
  database.transaction(() => {
    const transaction = { database, nowMs: 0, changes: [], afterwards: [] };
    expect(() =>
      undoable(transaction, () => {
        add(database, 'c');
        fail();
      }),
    ).toThrow('taken back');
    expect(findColony(database, 'c')).toBeUndefined();
  });
  expect(() =>
    database.transaction(() => {
      add(database, 'c');
      fail();
    }),
  ).toThrow('taken back');
  expect(findColony(database, 'c')).toBeUndefined();
});

test('what is asked for with names longer than anybody has is not kept in memory', () => {
  using database = open();
  let findCount = 0;
  const find = () => database.remember('c'.repeat(1000), () => (findCount += 1));
  expect([find(), find()]).toEqual([1, 2]);
});
