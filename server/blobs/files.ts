import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { type FileHandle, open, opendir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '../refusal.ts';

/** The files in which blobs lie: one each, named at random, in one directory that only its owner reads. */
export interface BlobFiles {
  readonly directory: string;
  /**
   * Stores bytes while they arrive, and checks them. What this resolves with is on disk.
   *
   * @throws Refusal 400 when they are not as many as announced or have another digest; then nothing is left of them
   */
  receive(content: AsyncIterable<Buffer>, announced: Announced): Promise<ReceivedFile>;
  /** Opens a file for reading. @throws `ENOENT` when it is gone */
  open(fileName: string): Promise<FileHandle>;
  /** Whether a file is there, without waiting. */
  hasNow(fileName: string): boolean;
  /** Removes a file, if it is still there. */
  remove(fileName: string): Promise<void>;
  /** Removes what nobody knows of: half uploads of an earlier life, and what a removed colony has left. */
  tidy(isKnown: (fileName: string) => boolean): Promise<void>;
}

/** What an upload says of its bytes. */
interface Announced {
  /** SHA-256, 64 lower-case hexadecimal characters. */
  readonly digest: string;
  readonly bytes: number;
}

/** A file that is complete. Until it is let go of, tidying leaves it alone. */
export interface ReceivedFile {
  readonly fileName: string;
  /** Says that the file is known from now on, or (false) that it must go. */
  letGo(isKnown: boolean): Promise<void>;
}

const PARTIAL = '.partial';

/** Opens the directory of the files, and makes it where it is missing. */
export function openBlobFiles(directory: string): BlobFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const inHand = new Set<string>();
  const pathOf = (fileName: string): string => join(directory, fileName);
  const remove = (fileName: string): Promise<void> => rm(pathOf(fileName), { force: true });
  return {
    directory,
    remove,
    open: (fileName) => open(pathOf(fileName), 'r'),
    hasNow: (fileName) => existsSync(pathOf(fileName)),
    async receive(content, announced) {
      const fileName = randomBytes(16).toString('hex');
      const partial = `${fileName}${PARTIAL}`;
      inHand.add(fileName).add(partial);
      try {
        await writeChecked(pathOf(partial), content, announced);
        await rename(pathOf(partial), pathOf(fileName));
        await syncDirectory(directory);
      } catch (thrown) {
        await Promise.all([partial, fileName].map(remove));
        inHand.delete(fileName);
        throw thrown;
      } finally {
        inHand.delete(partial);
      }
      return {
        fileName,
        async letGo(isKnown) {
          if (!isKnown) await remove(fileName);
          inHand.delete(fileName);
        },
      };
    },
    async tidy(isKnown) {
      for await (const { name } of await opendir(directory)) {
        if (!inHand.has(name) && !isKnown(name)) await remove(name);
      }
    },
  };
}

async function writeChecked(path: string, content: AsyncIterable<Buffer>, announced: Announced): Promise<void> {
  await using file = await openPrivate(path);
  const hash = createHash('sha256');
  let byteCount = 0;
  for await (const chunk of content) {
    byteCount += chunk.length;
    if (byteCount > announced.bytes) break;
    hash.update(chunk);
    await file.handle.writeFile(chunk);
  }
  if (byteCount !== announced.bytes) {
    throw new Refusal(
      400,
      `Expected a blob of ${announced.bytes} bytes, got ${byteCount > announced.bytes ? 'more' : byteCount}`,
    );
  }
  if (hash.digest('hex') !== announced.digest) {
    throw new Refusal(
      400,
      'Expected the bytes that the digest names, got others; they were changed on the way, or the digest is wrong',
    );
  }
  await file.handle.sync();
}

async function openPrivate(path: string): Promise<AsyncDisposable & { readonly handle: FileHandle }> {
  const handle = await open(path, 'wx', 0o600);
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}

/** Makes a renamed file survive a power cut; not every system can do that, or needs it. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
