import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toError } from '../../colony/errors.ts';
import type { Services } from '../services.ts';
import type { Route } from '../http.ts';
import type { Transaction } from '../transaction.ts';
import { collectIdle, isFileKnown } from './catalogue.ts';
import { openBlobFiles } from './files.ts';
import { createKeeping } from './keeping.ts';
import {
  BACKUP_PAUSE_MS,
  DEFAULT_BLOB_GRACE_MS,
  DEFAULT_KEPT_FREE_BYTES,
  DEFAULT_MAX_BLOB_BYTES,
  DEFAULT_MAX_COLONY_BLOB_BYTES,
  MAX_BLOB_TRANSFERS,
  TIDY_INTERVAL_MS,
} from './limits.ts';
import { createRoom } from './room.ts';
import { createBlobRoutes } from './routes.ts';

/** What may be stored, and for how long. */
export interface BlobOptions {
  /** Larger blobs are refused with 413, in bytes. */
  readonly maxBlobBytes?: number;
  /** What the blobs of one colony may take together, in bytes; further ones are refused with 507. */
  readonly maxColonyBytes?: number;
  /** No blob is accepted that would leave less of the disk free, in bytes. */
  readonly keptFreeBytes?: number;
  /** A blob that nobody holds is kept for so long after its upload, or after its last holder was removed. */
  readonly graceMs?: number;
}

/** The blobs of a server. */
export interface Blobs {
  readonly routes: readonly Route[];
  /**
   * Keeps all blobs until the result is called and ten minutes longer, because somebody copies them one after the other.
   */
  hold(): () => void;
  /** Forgets blobs that nobody has held for long. Part of the server's sweep. */
  sweep(transaction: Transaction): void;
  /** Removes files that belong to no blob, such as half uploads of an earlier life; again and again from now on. */
  start(): Promise<void>;
  /**
   * Ends that, once the transfers have ended that were broken off with their connections, so that nothing is left of them;
   * nor of a database in memory.
   */
  stop(): Promise<void>;
}

/**
 * Opens the blobs of a database, in the directory `<database>.blobs` beside it.
 *
 * @param stallMs a transfer on which nothing moves for so long is given up
 */
export function openBlobs(services: Services, databasePath: string, options: BlobOptions, stallMs: number): Blobs {
  const { transactor, log } = services;
  const isTransient = databasePath === ':memory:';
  const files = openBlobFiles(
    isTransient ? mkdtempSync(join(tmpdir(), 'sealed-colonies-blobs-')) : `${databasePath}.blobs`,
  );
  const room = createRoom(files.directory, {
    maxBlobBytes: options.maxBlobBytes ?? DEFAULT_MAX_BLOB_BYTES,
    maxColonyBytes: options.maxColonyBytes ?? DEFAULT_MAX_COLONY_BLOB_BYTES,
    keptFreeBytes: options.keptFreeBytes ?? DEFAULT_KEPT_FREE_BYTES,
    maxTransfers: MAX_BLOB_TRANSFERS,
  });
  const removeLater = async (fileName: string): Promise<void> => {
    try {
      await files.remove(fileName);
    } catch (thrown) {
      log.warn(
        { err: toError(thrown) },
        'a file of a blob could not be removed; the server tries again when it tidies up',
      );
    }
  };
  const tidy = async (): Promise<void> => {
    if (transactor.read(({ nowMs }) => keeping.isOn(nowMs))) return;
    try {
      await files.tidy((fileName) => transactor.read(({ database }) => isFileKnown(database, fileName)));
    } catch (thrown) {
      log.warn({ err: toError(thrown) }, 'the directory of the blobs could not be tidied up');
    }
  };
  let timer: NodeJS.Timeout | undefined;
  let lookedAtId = 0;
  const keeping = createKeeping(BACKUP_PAUSE_MS);
  const running = new Set<Promise<void>>();
  return {
    routes: createBlobRoutes({ services, files, room, stallMs }).map((route) => tracked(route, running)),
    hold() {
      const end = keeping.begin();
      return () => end(transactor.read(({ nowMs }) => nowMs));
    },
    sweep(transaction) {
      if (keeping.isOn(transaction.nowMs)) return;
      const { endId, fileNames } = collectIdle(transaction, lookedAtId, options.graceMs ?? DEFAULT_BLOB_GRACE_MS);
      transaction.afterwards.push((failure) => {
        if (failure !== undefined) return;
        lookedAtId = endId;
        for (const fileName of fileNames) void removeLater(fileName);
      });
    },
    async start() {
      await tidy();
      timer = setInterval(() => void tidy(), TIDY_INTERVAL_MS);
    },
    async stop() {
      clearInterval(timer);
      await Promise.allSettled(running);
      if (isTransient) await rm(files.directory, { recursive: true, force: true });
    },
  };
}

function tracked(route: Route, running: Set<Promise<void>>): Route {
  return {
    ...route,
    async handle(request, response) {
      const done = (async () => route.handle(request, response))();
      running.add(done);
      try {
        await done;
      } finally {
        running.delete(done);
      }
    },
  };
}
