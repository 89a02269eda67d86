import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** A blob as a database knows it. */
export interface KnownBlob {
  /** Of its file, 32 hexadecimal characters: no more than a name. */
  readonly fileName: string;
  /** SHA-256 of its bytes, 64 hexadecimal characters. */
  readonly digest: string;
  readonly bytes: number;
}

const CHUNK_BYTES = 256 * 1024;

/** Whether a file holds exactly the bytes of a blob. */
export function isIntact(path: string, blob: KnownBlob): boolean {
  return existsSync(path) && isAllOf(blob, path, () => undefined);
}

/**
 * Copies the files of blobs into a new directory, to the disk, each from the first of several directories that has it
 * intact.
 *
 * @returns the blobs that none of them has intact
 */
export function copyBlobs(
  blobs: readonly KnownBlob[],
  sources: readonly string[],
  target: string,
): readonly KnownBlob[] {
  mkdirSync(target, { mode: 0o700 });
  return blobs.filter((blob) => !sources.some((source) => copyBlob(blob, source, target)));
}

function copyBlob(blob: KnownBlob, source: string, target: string): boolean {
  const path = join(source, blob.fileName);
  // Looked at before anything is written, so that nothing needs to be taken back.
  if (!isIntact(path, blob)) return false;
  const copy = openSync(join(target, blob.fileName), 'w', 0o600);
  try {
    const isComplete = isAllOf(blob, path, (chunk) => writeSync(copy, chunk));
    fsyncSync(copy);
    return isComplete;
  } finally {
    closeSync(copy);
  }
}

function isAllOf({ digest, bytes }: KnownBlob, path: string, see: (chunk: Buffer) => void): boolean {
  const [hash, chunk] = [createHash('sha256'), Buffer.alloc(CHUNK_BYTES)];
  const file = openSync(path, 'r');
  try {
    let byteCount = 0;
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, null);
      if (length === 0) break;
      byteCount += length;
      hash.update(chunk.subarray(0, length));
      see(chunk.subarray(0, length));
    }
    return byteCount === bytes && hash.digest('hex') === digest;
  } finally {
    closeSync(file);
  }
}
