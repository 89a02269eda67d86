import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobStore, getFile, openBlobStore, putFile, type S3Settings } from '../../colony/blobs.ts';
import { toError, UserError } from '../../colony/errors.ts';
import type { ColonyFile } from '../../colony/messages/files.ts';
import { writeWholeFile } from '../../colony/private-files.ts';
import type { Connection, Context } from '../framework/context.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { isPlainName, makeDirectories } from './safe-paths.ts';

/** Moves the bytes of files between this machine and the storage of a colony. */
export interface FileTransfer {
  /**
   * Stores a file of this machine as the newest revision of a file of the colony.
   *
   * @throws UserError when it cannot be read, or the colony has no storage
   */
  upload(path: string, label: string, name: string): Promise<ColonyFile>;
  /**
   * Fetches a revision into a directory, under directories of plain names below it. The file appears, or is replaced,
   * only when all of it has come and has the checksum that the colony knows.
   *
   * @returns the path of the file
   * @throws UserError when it lies where nothing can be fetched from, or its name is none of a file
   */
  download(file: ColonyFile, directory: string, below?: readonly string[]): Promise<string>;
}

/** What stands in the metadata of a file whose bytes the Colonies server keeps; others say "s3". */
const BLOB_PROTOCOL = 'blob';
const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Opens the storage of the colony: the bucket that `AWS_S3_ENDPOINT` and its like name, or the Colonies server. */
export async function openFileTransfer(connection: Connection, context: Context): Promise<FileTransfer> {
  const { loadS3Settings } = await import('../../colony/blobs/settings.ts');
  const s3 = loadS3Settings(context.io.env);
  return {
    upload: (path, label, name) => upload(connection, context, s3, { path, label, name }),
    async download(file, directory, below = []) {
      if (!isPlainName(file.name)) {
        throw new UserError(
          `file ${file.fileId}: expected the name of a file, got ${JSON.stringify(file.name)}; nothing was written`,
        );
      }
      const path = join(await makeDirectories(directory, below), file.name);
      await download(connection, context, s3, file, path);
      return path;
    },
  };
}

interface Upload {
  readonly path: string;
  readonly label: string;
  readonly name: string;
}

async function upload(
  connection: Connection,
  context: Context,
  s3: S3Settings | undefined,
  { path, label, name }: Upload,
): Promise<ColonyFile> {
  const { client, colonyName } = connection;
  const { digest, sizeBytes } = await store(openStore(connection, context, s3), path, context);
  // Empty files have no bytes that lie anywhere, as with other clients.
  const object = sizeBytes === 0 ? '' : s3 === undefined ? `sha256:${digest}` : `sha256/${digest}`;
  const request = {
    file: {
      fileId: '',
      colonyName,
      label,
      name,
      sizeBytes,
      sequenceNumber: 0,
      checksum: digest,
      checksumAlgorithm: 'SHA256',
      reference: {
        protocol: s3 === undefined ? BLOB_PROTOCOL : 's3',
        s3Object: { ...NOWHERE, ...(s3 === undefined ? {} : placeOf(s3)), object },
      },
    },
  };
  return client.addFile(request, { signal: context.io.signal });
}

const NOWHERE: ColonyFile['reference']['s3Object'] = {
  server: '',
  port: -1,
  tls: false,
  accessKey: '',
  secretKey: '',
  region: '',
  encryptionKey: '',
  encryptionAlgorithm: '',
  object: '',
  bucket: '',
};

/** As the official command line writes it: the port stands in `server`. Keys do not leave this machine. */
function placeOf({ endpoint, tls, region, bucket }: S3Settings) {
  return { server: endpoint, port: -1, tls, region, bucket };
}

async function store(blobs: BlobStore, path: string, { io: { signal } }: Context) {
  const { size } = await stat(path).catch((thrown: unknown) => {
    throw new UserError(`${path}: expected a readable file, got "${toError(thrown).message}"`, { cause: thrown });
  });
  if (size === 0) return { digest: EMPTY_DIGEST, sizeBytes: 0 };
  if (!(await blobs.isAvailable({ signal }))) {
    throw new UserError(
      'storage: expected a Colonies server that stores files, or the variables AWS_S3_…, got neither; set AWS_S3_ENDPOINT',
    );
  }
  const { blob, bytes } = await putFile(blobs, path, { signal });
  return { digest: blob.slice('sha256:'.length), sizeBytes: bytes };
}

async function download(
  connection: Connection,
  context: Context,
  s3: S3Settings | undefined,
  file: ColonyFile,
  path: string,
): Promise<void> {
  const { checksum, sizeBytes: bytes } = file;
  const { signal } = context.io;
  if (bytes === 0) {
    writeEmptyFile(path);
    return;
  }
  if (!/^[0-9a-f]{64}$/u.test(checksum)) {
    throw new UserError(`file ${file.fileId}: expected the SHA-256 of its bytes, got ${checksum.length} characters`);
  }
  await getFile(storeOf(connection, context, s3, file), { blob: `sha256:${checksum}`, bytes }, path, { signal });
}

function writeEmptyFile(path: string): void {
  try {
    writeWholeFile(path, '', { mode: 0o600, overwrite: true });
  } catch (thrown) {
    throw new UserError(`${path}: expected to write it, got "${toError(thrown).message}"`, { cause: thrown });
  }
}

/**
 * Where the bytes of a file lie. The address in its metadata comes from another member, who is not to be given our
 * signatures: only the place that our own variables name is asked.
 */
function storeOf(
  connection: Connection,
  context: Context,
  s3: S3Settings | undefined,
  { fileId, reference: { s3Object } }: ColonyFile,
): BlobStore {
  if (s3Object.server === '' && s3Object.object.startsWith('sha256:')) return openStore(connection, context, undefined);
  if (s3 !== undefined) return openStore(connection, context, s3, s3Object.object);
  throw new UserError(
    `file ${fileId}: lies in S3 at "${s3Object.server}", for which nothing is set; set AWS_S3_ENDPOINT and its like`,
  );
}

function openStore(
  { client, colonyName }: Connection,
  { note }: Context,
  s3: S3Settings | undefined,
  s3Object?: string,
): BlobStore {
  return openBlobStore({
    client,
    colonyName,
    s3,
    ...(s3Object === undefined ? {} : { s3Object }),
    retry: { forMs: PATIENT_BRIDGE_MS },
    onRetry: (error) => note(`${error.message}; trying again`),
  });
}
