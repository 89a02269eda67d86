import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storageRefusal } from '../../server/store-health.ts';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { type ChangeListener, createTransactor, type Transactor, undoable } from '../../server/transaction.ts';

interface Store extends AsyncDisposable {
  readonly database: Database;
  readonly transactor: Transactor;
  /** What the commits said, in their order: how many works, and whether they failed. */
  readonly commits: (readonly [workCount: number, failed: boolean])[];
  /** The names of what is stored. */
  names(): string[];
}

/** A database of its own, with a transactor that does nothing else. */
async function openStore(listener: Partial<ChangeListener> = {}): Promise<Store> {
  const directory = await mkdtemp(join(tmpdir(), 'storage-'));
  const database = openDatabase(join(directory, 'server.db'));
  const commits: (readonly [number, boolean])[] = [];
  const transactor = createTransactor(database, Date.now, {
    beforeCommit: () => undefined,
    afterCommit: () => undefined,
    onError: () => undefined,
    onCommit: (_durationMs, workCount, failure) => void commits.push([workCount, failure !== undefined]),
    ...listener,
  });
  return {
    database,
    transactor,
    commits,
    names: () => database.all<{ name: string }>('SELECT colony_name AS name FROM colonies').map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}

function add(database: Database, name: string, id = name): void {
  database.run('INSERT INTO colonies VALUES (?, ?, 0)', name, id);
}

/** Adds a colony, and says that a process of it can be given out. */
const addTo = ({ transactor }: Store, name: string, id = name) =>
  transactor.write(({ database, changes }) => {
    add(database, name, id);
    changes.push({ processId: id, colonyName: name, executorType: 'worker', state: 0, isAssignable: true });
  });

describe('when there is no room', () => {
  test('all that shared a commit is refused and nothing of it is stored; later there is room again', async () => {
    await using store = await openStore();
    await addTo(store, 'before');
    const pages = store.database.get<{ page_count: number }>('PRAGMA page_count')?.page_count ?? 0;
    store.database.get(`PRAGMA max_page_count = ${pages + 10}`);
    const together = await Promise.allSettled([
      addTo(store, 'small'),
      addTo(store, 'large', 'x'.repeat(1_000_000)),
      addTo(store, 'small too'),
    ]);
    const refused = together.map((outcome) =>
      outcome.status === 'rejected' ? storageRefusal(outcome.reason) : 'done',
    );
    expect(refused).toContainEqual(expect.objectContaining({ status: 507, retryAfterSeconds: 5 }));
    expect(store.names().sort()).toEqual(
      ['before', ...['small', 'large', 'small too'].filter((_, index) => refused[index] === 'done')].sort(),
    );
    store.database.get('PRAGMA max_page_count = 1000000');
    await addTo(store, 'after');
    expect(store.names()).toEqual(expect.arrayContaining(['before', 'after']));
    expect(store.names()).not.toContain('large');
  });
});

/** What SQLite does by itself when the disk fails. */
function giveUp(database: Database): never {
  database.run('ROLLBACK');
  throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_WRITE' });
}

describe('when SQLite gives up a transaction in its middle', () => {
  test('whoever shares it is refused, and nothing is stored outside', async () => {
    await using store = await openStore();
    const together = await Promise.allSettled([
      addTo(store, 'first'),
      store.transactor.write(({ database }) => {
        add(database, 'second');
        giveUp(database);
      }),
      addTo(store, 'third'),
    ]);
    const refusals = together.map((outcome) => outcome.status === 'rejected' && storageRefusal(outcome.reason)?.status);
    expect(refusals).toEqual([503, 503, 503]);
    expect(store.names()).toEqual([]);
    expect(store.commits).toEqual([[3, true]]);
    await addTo(store, 'later');
    expect(store.names()).toEqual(['later']);
  });

  test('also when somebody inside has not noticed', async () => {
    await using store = await openStore();
    const unaware = store.transactor.write((transaction) => {
      try {
        undoable(transaction, () => giveUp(transaction.database));
      } catch {
        // Goes on as if nothing had happened.
      }
      undoable(transaction, () => add(transaction.database, 'orphan'));
    });
    await expect(unaware).rejects.toMatchObject({ code: 'SQLITE_ABORT' });
    expect(store.names()).toEqual([]);
  });

  test('also when it happens while processes are given out', async () => {
    await using store = await openStore({ beforeCommit: ({ database }) => giveUp(database) });
    await expect(addTo(store, 'lost')).rejects.toMatchObject({ code: 'SQLITE_ABORT' });
    expect(store.names()).toEqual([]);
  });
});

test('a mistake of ours is no failure of the store', async () => {
  await using store = await openStore();
  const [first, second] = await Promise.allSettled([addTo(store, 'same'), addTo(store, 'same')]);
  expect(first.status).toBe('fulfilled');
  expect(storageRefusal(second.status === 'rejected' ? second.reason : undefined)).toBeUndefined();
  expect(store.commits).toEqual([[2, false]]);
});

/** Computes for longer than works that share a transaction may take. */
function takeLong(): void {
  const startedMs = performance.now();
  while (performance.now() - startedMs < 60);
}

describe('works that take long', () => {
  test('are stored in their order, in several commits, between which others have a turn', async () => {
    await using store = await openStore();
    const turns: number[] = [];
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    const work = (name: string) =>
      store.transactor.write(({ database }) => {
        if (name !== 'c, short') takeLong();
        turns.push(turn);
        add(database, name);
      });
    setImmediate(count);
    await Promise.all(['a', 'b', 'c, short', 'd'].map(work));
    isOver = true;
    expect(store.names()).toEqual(['a', 'b', 'c, short', 'd']);
    expect(store.commits).toEqual([
      [1, false],
      [1, false],
      [2, false],
    ]);
    expect(new Set(turns).size).toBe(3);
  });

  test('and whose commit fails are refused with those that are still to come, none of which is run', async () => {
    let isFailing = true;
    await using store = await openStore({
      beforeCommit({ database }) {
        if (isFailing) giveUp(database);
      },
    });
    const run: string[] = [];
    const work = (name: string) =>
      store.transactor.write(({ database, changes }) => {
        run.push(name);
        add(database, name);
        changes.push({ processId: name, colonyName: name, executorType: 'worker', state: 0, isAssignable: true });
        takeLong();
      });
    const together = await Promise.allSettled(['a', 'b', 'c'].map(work));
    expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    isFailing = false;
    await addTo(store, 'later');
    expect(run).toEqual(['a']);
    expect(store.names()).toEqual(['later']);
    expect(store.commits).toEqual([
      [3, true],
      [1, false],
    ]);
  });

  test('that fail leave those that are still to come', async () => {
    await using store = await openStore();
    const fail = store.transactor.write(() => {
      takeLong();
      throw new Error('refused');
    });
    const next = addTo(store, 'next');
    await expect(fail).rejects.toThrow('refused');
    await next;
    expect(store.names()).toEqual(['next']);
  });
});

test('whatever may change rows counts as a change, however it is asked for; looking does not', async () => {
  await using store = await openStore();
  const { database } = store;
  const before = database.changeCount();
  database.all('SELECT * FROM colonies');
  expect(database.get('SELECT 1 AS one')).toEqual({ one: 1 });
  expect(database.changeCount()).toBe(before);
  add(database, 'a');
  database.get("UPDATE colonies SET is_paused = 1 WHERE colony_name = 'a' RETURNING colony_name");
  expect(database.changeCount()).toBe(before + 2);
});
