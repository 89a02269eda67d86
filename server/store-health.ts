import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { toError } from '../colony/errors.ts';
import { Refusal } from './refusal.ts';
import { isStorageError } from './store/database.ts';
import type { Transactor } from './transaction.ts';

/** Whether changes can be stored. */
export interface StoreHealth {
  /** Hears of a commit that failed. */
  onFailure(failure: Error): void;
  /** Why nothing can be stored, or undefined when all is well. Writes to the disk now and then to find out. */
  check(): Promise<string | undefined>;
}

/** What is known is believed for so long: whoever asks often costs no more. */
const BELIEVED_MS = 5000;
/** The same while something is wrong, so that its end is noticed soon. */
const DOUBTED_MS = 1000;
/** With less room than this beside the database, it is time to worry. */
const LEAST_FREE_BYTES = 16 * 1024 * 1024;
/** When whoever was refused because of the disk may try again. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Watches over a database.
 *
 * @param path its file, or `:memory:`
 */
export function createStoreHealth(transactor: () => Transactor, path: string, log: Logger): StoreHealth {
  let known: { readonly reason: string | undefined; readonly sinceMs: number } | undefined;
  let pending: Promise<string | undefined> | undefined;

  const learn = (reason: string | undefined): string | undefined => {
    if (reason !== undefined && known?.reason === undefined) log.error({ path, reason }, 'nothing can be stored');
    if (reason === undefined && known?.reason !== undefined) log.warn({ path }, 'changes are stored again');
    known = { reason, sinceMs: performance.now() };
    return reason;
  };
  const probe = async (): Promise<string | undefined> => {
    try {
      return learn((await findShortage(path)) ?? (await tryToWrite(transactor())));
    } finally {
      pending = undefined;
    }
  };
  return {
    onFailure(failure) {
      if (isStorageError(failure)) learn(reasonOf(failure));
    },
    check() {
      const believedMs = known?.reason === undefined ? BELIEVED_MS : DOUBTED_MS;
      if (known !== undefined && performance.now() - known.sinceMs < believedMs) return Promise.resolve(known.reason);
      return (pending ??= probe());
    },
  };
}

/** Why somebody's change was not stored, when that was the disk's fault. Nothing has changed then. */
export function storageRefusal(thrown: unknown): Refusal | undefined {
  if (!isStorageError(thrown)) return undefined;
  const status = codeOf(thrown) === 'SQLITE_FULL' ? 507 : 503;
  const message = `The server stores nothing at the moment: ${reasonOf(thrown)}; nothing was changed, try again later`;
  return WRITE_FAILURES.test(codeOf(thrown)) ? new Refusal(status, message, RETRY_AFTER_SECONDS) : undefined;
}

/** What SQLite says when it is the disk; anything else, such as a constraint, is a mistake of ours. */
const WRITE_FAILURES = /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN|ABORT|CORRUPT|NOTADB)/u;

function reasonOf(failure: unknown): string {
  switch (codeOf(failure)) {
    case 'SQLITE_FULL':
      return 'its disk is full';
    case 'SQLITE_READONLY':
      return 'its database cannot be written to';
    case 'SQLITE_CORRUPT':
      return 'its database is damaged';
    default:
      return 'its database cannot be written';
  }
}

function codeOf(thrown: unknown): string {
  const error: Error & { readonly code?: unknown } = toError(thrown);
  return typeof error.code === 'string' ? error.code : '';
}

async function findShortage(path: string): Promise<string | undefined> {
  if (path === ':memory:') return undefined;
  const { bavail, bsize } = await statfs(dirname(path));
  // Without figures: everybody may ask.
  return bavail * bsize < LEAST_FREE_BYTES ? 'its disk is nearly full' : undefined;
}

/** A commit that changes nothing, but goes to the disk. */
async function tryToWrite(transactor: Transactor): Promise<string | undefined> {
  try {
    await transactor.write(({ database }) => {
      const version = database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
      database.run(`PRAGMA user_version = ${version}`);
    });
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}
