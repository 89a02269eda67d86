/* oxlint-disable typescript/no-unsafe-type-assertion -- rows of our own schema */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import Sqlite from 'libsql';
import { toError, UserError } from '../../colony/errors.ts';
import { copyBlobs, type KnownBlob } from './blob-copies.ts';
import { explainOpening, openDatabase } from './database.ts';
import { type Ask, damaged, findDamage, isDamage } from './integrity.ts';

/** What a database that nobody uses holds. */
export interface BackupFacts {
  readonly byteCount: number;
  readonly processCount: number;
  /** The blobs whose files belong beside it, in a directory `<path>.blobs`. */
  readonly blobs: readonly KnownBlob[];
  readonly colonies: readonly { readonly name: string; readonly id: string }[];
}

/**
 * Checks a copy of a database thoroughly, indexes included, and makes one file of it that needs no others.
 *
 * @throws UserError when it is damaged
 */
export function inspectBackup(path: string): BackupFacts {
  const connection = new Sqlite(path);
  const ask: Ask = (sql) => connection.prepare(sql).all() as Record<string, unknown>[];
  try {
    ask('PRAGMA journal_mode = DELETE');
    const finding = findDamage(ask, 'integrity_check');
    if (finding !== undefined) throw damaged(path, finding);
    const [count] = ask('SELECT count(*) AS count FROM processes');
    const colonies = ask('SELECT colony_name AS name, colony_id AS id FROM colonies ORDER BY name');
    return {
      blobs: blobsOf(ask),
      byteCount: statSync(path).size,
      processCount: Number(count?.count),
      colonies: colonies as { name: string; id: string }[],
    };
  } catch (thrown) {
    throw explainOpening(path, thrown);
  } finally {
    connection.close();
  }
}

/** Names that are no more than names, whatever the file holds; none where it is older than blobs. */
function blobsOf(ask: Ask): KnownBlob[] {
  if (ask("SELECT 1 FROM sqlite_schema WHERE name = 'blobs'").length === 0) return [];
  const blobs = ask('SELECT file_name AS fileName, digest, bytes FROM blobs ORDER BY blob_id');
  return (blobs as unknown as KnownBlob[]).filter(({ fileName }) => BLOB_FILE.test(fileName));
}

/** How the files of blobs are named. */
export const BLOB_FILE = /^[0-9a-f]{32}$/u;

/** How a backup is put in place. */
export interface Restoration {
  /** The backup; it stays as it is. */
  readonly source: string;
  /** The database of a server that does not run. */
  readonly target: string;
  /** Whether a database that is there may make room; it is kept under another name. */
  readonly force: boolean;
  /** Whether it may lack blobs. */
  readonly incomplete: boolean;
  /** Looks at what would be restored; what it throws ends the restoration before anything has changed. */
  readonly approve: (facts: BackupFacts) => void;
}

/**
 * Puts a backup in the place of a server's database, as a whole or not at all.
 *
 * @returns what was restored, and the name under which the former database is kept
 * @throws UserError when the backup is damaged or of a newer server, a server runs on the target, or it may not be replaced
 */
export function restoreBackup({ source, target, force, incomplete, approve }: Restoration): {
  readonly facts: BackupFacts;
  /** How many blobs are neither in the backup nor in what it replaces. */
  readonly missingBlobCount: number;
  readonly kept: string | undefined;
} {
  if (existsSync(target) && !force) {
    throw new UserError(
      `${target}: expected no database, got one; with --force the backup takes its place, and it is kept beside it`,
    );
  }
  const mark = randomBytes(4).toString('hex');
  const draft = `${target}.restoring-${mark}`;
  try {
    copyDatabase(source, draft);
    const facts = inspectBackup(draft);
    // Opening brings it to the newest version, or refuses what is newer.
    openDatabase(draft).close();
    approve(facts);
    syncFile(draft);
    // The files of blobs never change: those of the former database are as good.
    const missing = copyBlobs(facts.blobs, [`${source}.blobs`, `${target}.blobs`], `${draft}.blobs`);
    if (missing.length > 0 && !incomplete) throw lacksBlobs(source, facts, missing);
    const kept = existsSync(target) ? `${target}.replaced-${mark}` : undefined;
    replace(draft, target, kept);
    return { facts, missingBlobCount: missing.length, kept };
  } finally {
    moveDatabase(draft, undefined);
    rmSync(`${draft}.blobs`, { recursive: true, force: true });
  }
}

/** A database whose server was killed has a log beside it, which belongs to it. */
const COMPANIONS = ['', '-wal', '-shm'] as const;

function copyDatabase(source: string, target: string): void {
  for (const suffix of ['', '-wal']) {
    if (suffix !== '' && !existsSync(source + suffix)) continue;
    copyFileSync(source + suffix, target + suffix);
    chmodSync(target + suffix, 0o600);
  }
}

/** Moves a database with what belongs to it, or removes it. */
function moveDatabase(path: string, target: string | undefined): void {
  for (const suffix of COMPANIONS) {
    if (target === undefined) rmSync(path + suffix, { force: true });
    else if (existsSync(path + suffix)) renameSync(path + suffix, target + suffix);
  }
}

/** Holds the lock of the former database meanwhile, so that no server starts on it. */
function replace(draft: string, target: string, kept: string | undefined): void {
  const release = kept === undefined ? () => {} : lock(target);
  try {
    if (kept !== undefined) moveDatabase(target, kept);
    replaceBlobs(`${draft}.blobs`, `${target}.blobs`, kept === undefined ? undefined : `${kept}.blobs`);
    renameSync(draft, target);
    syncFile(target);
  } finally {
    release();
  }
}

function lacksBlobs(source: string, { blobs }: BackupFacts, missing: readonly KnownBlob[]): UserError {
  return new UserError(
    `${source}.blobs: expected the ${blobs.length} blobs of the backup, ${missing.length} are missing or damaged; put the directory of the backup there, or restore without them with --incomplete`,
  );
}

function replaceBlobs(draft: string, target: string, kept: string | undefined): void {
  if (existsSync(target)) {
    if (kept === undefined) rmSync(target, { recursive: true });
    else renameSync(target, kept);
  }
  renameSync(draft, target);
}

/** @throws UserError when a server runs on the database */
function lock(path: string): () => void {
  const connection = new Sqlite(path);
  try {
    // Also writes the log back, so that the file is whole by itself.
    connection.pragma('journal_mode = DELETE');
    connection.exec('BEGIN EXCLUSIVE');
  } catch (thrown) {
    connection.close();
    // Nobody can work on a damaged database: there is nobody to keep away.
    if (isDamage(thrown)) return () => {};
    throw explainOpening(path, thrown);
  }
  return () => {
    connection.exec('ROLLBACK');
    connection.close();
  };
}

function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } catch (thrown) {
    throw new UserError(`${path}: expected to write it to the disk, got "${toError(thrown).message}"`, {
      cause: thrown,
    });
  } finally {
    closeSync(file);
  }
}
