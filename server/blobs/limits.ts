/** The largest blob by default, in bytes: a million rows of eight Paillier ciphertexts of 512 bytes. */
export const DEFAULT_MAX_BLOB_BYTES = 4 * 1024 ** 3;
/** What the blobs of one colony may take together by default, in bytes. */
export const DEFAULT_MAX_COLONY_BLOB_BYTES = 64 * 1024 ** 3;
/** So much of the disk is left alone by default, in bytes. */
export const DEFAULT_KEPT_FREE_BYTES = 512 * 1024 ** 2;
/** A blob that nobody holds is kept for so long by default. */
export const DEFAULT_BLOB_GRACE_MS = 60 * 60 * 1000;
/** So many uploads and downloads of one colony at the same time, and of one of its members. */
export const MAX_BLOB_TRANSFERS = { ofColony: 128, ofMember: 64 } as const;
/** At most so many different blobs in the spec, the input or the output of one process. */
export const MAX_BLOB_REFERENCES = 10_000;
/** Files that belong to no blob are looked for this often. */
export const TIDY_INTERVAL_MS = 60 * 60 * 1000;
/** Whoever copies blobs, one request each, may pause so long in between, to look at the copy of the database say. */
export const BACKUP_PAUSE_MS = 10 * 60 * 1000;
