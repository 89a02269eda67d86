import { createHash } from 'node:crypto';
import * as z from 'zod';

/** Names bytes by what they are: whoever has them can tell whether they are the right ones. */
export interface BlobReference {
  /** `sha256:` and the SHA-256 digest of the bytes (FIPS 180-4), 64 lower-case hexadecimal characters. */
  readonly blob: string;
  /** How many bytes they are. */
  readonly bytes: number;
}

/** The names of blobs, as they stand in values, paths and tokens. */
export const BLOB_NAME = /^sha256:[0-9a-f]{64}$/u;

const NAME_PREFIX = 'sha256:';

/** @see {@link BlobReference} */
export const BlobReference: z.ZodType<BlobReference> = z.strictObject({
  blob: z.string().regex(BLOB_NAME, 'expected sha256: and 64 lower-case hexadecimal characters'),
  bytes: z.int().min(0),
});

/** The digest in the name of a blob: 64 lower-case hexadecimal characters. */
export function digestOf(blob: string): string {
  return blob.slice(NAME_PREFIX.length);
}

/** The name of the blob with this digest. */
export function blobNamed(digest: string): string {
  return `${NAME_PREFIX}${digest}`;
}

/** The reference to bytes at hand. */
export function referenceTo(content: Uint8Array): BlobReference {
  return { blob: blobNamed(createHash('sha256').update(content).digest('hex')), bytes: content.length };
}
