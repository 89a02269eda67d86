import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDrivers, type Session } from './sqlite/drivers.ts';
import { formatTable, median, short } from './support/measure.ts';

/**
 * Which SQLite package for the server? Of those that install without a script of their own, what the statements of a
 * request take: a row of 1.5 kB inserted, found by a text key and changed, a savepoint opened and released, and a
 * commit to disk (WAL, `synchronous=FULL`, the exclusive lock of one process).
 *
 * The server uses libsql. The others are measured where they are present: `node:sqlite` from Node 22.5 on, and
 * node-sqlite3-wasm after `npm install --no-save node-sqlite3-wasm`.
 */

const ROWS = 20_000;
const COMMITS = 300;
const ROUNDS = 3;

const SCHEMA =
  'CREATE TABLE t (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, a TEXT, b TEXT, c INTEGER, d INTEGER, body TEXT)';
const INSERT = 'INSERT INTO t (id, a, b, c, d, body) VALUES (?, ?, ?, ?, ?, ?)';
const SELECT = 'SELECT * FROM t WHERE id = ?';
const UPDATE = 'UPDATE t SET c = ?, d = ? WHERE id = ?';

/** Microseconds per statement or commit, in the order of {@link HEAD}. */
function measure(session: Session): number[] {
  for (const pragma of ['locking_mode = EXCLUSIVE', 'journal_mode = WAL', 'synchronous = FULL']) {
    session.get(`PRAGMA ${pragma}`);
  }
  session.run(SCHEMA);
  session.run('BEGIN');
  const body = 'x'.repeat(1500);
  const micros = [
    each(ROWS, (index) => session.run(INSERT, `id ${index}`, 'a', 'b', 1, 2, body)),
    each(ROWS, (index) => session.get(SELECT, `id ${index}`)),
    each(ROWS, (index) => session.run(UPDATE, index, index, `id ${index}`)),
    each(ROWS, () => {
      session.run('SAVEPOINT work');
      session.run('RELEASE work');
    }),
  ];
  session.run('COMMIT');
  const commits = Array.from({ length: COMMITS }, (_, index) =>
    each(1, () => {
      session.run('BEGIN IMMEDIATE');
      session.run(INSERT, `commit ${index}`, 'a', 'b', 1, 2, body);
      session.run('COMMIT');
    }),
  );
  return [...micros, median(commits)];
}

function each(count: number, work: (index: number) => void): number {
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) work(index);
  return ((performance.now() - startedAt) * 1000) / count;
}

const HEAD = ['package', 'insert', 'select', 'update', 'savepoint', 'commit, median'] as const;
const directory = await mkdtemp(join(tmpdir(), 'bench-sqlite-'));
try {
  const rows: string[][] = [];
  for (const { name, open } of await openDrivers()) {
    const rounds: number[][] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      using session = open(join(directory, `${rows.length} ${round}.db`));
      rounds.push(measure(session));
    }
    const columns = HEAD.slice(1).map((_, column) => median(rounds.map((round) => round[column] ?? Number.NaN)));
    rows.push([name, ...columns.map((micros) => `${short(micros)} µs`)]);
  }
  console.log(formatTable([HEAD, ...rows]));
} finally {
  await rm(directory, { recursive: true, force: true });
}
