import { posix } from 'node:path';
import type { ColoniesClient } from '../../colony/client.ts';
import { ServerError, UserError } from '../../colony/errors.ts';
import { ColonyFile } from '../../colony/messages/files.ts';
import { UsageError } from '../command.ts';
import { formatMoment } from '../framework/text.ts';
import { listToWire } from './wire.ts';

/** The option that names a directory of files in the colony. */
export const labelOption = {
  label: { type: 'string', alias: 'l', describe: 'directory in the colony, such as /data/2026' },
} as const;

/** Options that name a file: by its id, or by label and name. */
export const fileOptions = {
  fileid: { type: 'string', alias: 'i', describe: 'id of one revision of the file' },
  ...labelOption,
  name: { type: 'string', alias: 'n', describe: 'name of the file, with --label' },
} as const;

interface FileArguments {
  readonly fileid: string | undefined;
  readonly label: string | undefined;
  readonly name: string | undefined;
}

/** One revision by its id, or a file with all its revisions; the fields that say nothing are empty. */
export interface FileKey {
  readonly fileId: string;
  readonly label: string;
  readonly name: string;
}

/**
 * Reads {@link fileOptions}.
 *
 * @param path the command, whose help is pointed to
 */
export function readFileKey({ fileid, label, name }: FileArguments, path: readonly string[]): FileKey {
  const byName = label !== undefined && name !== undefined;
  if (fileid !== undefined && label === undefined && name === undefined) return { fileId: fileid, label: '', name: '' };
  if (fileid === undefined && byName) return { fileId: '', label: normalizeLabel(label), name };
  throw new UsageError('expected either --fileid, or --label and --name', path);
}

/** A label as all clients write it: a leading slash, none at the end. */
export function normalizeLabel(label: string): string {
  const path = posix.normalize(`/${label}`);
  return path === '/' ? path : path.replace(/\/$/u, '');
}

/** Whether a label is another one or lies below it. */
export function isWithin(label: string, above: string): boolean {
  return label === above || label.startsWith(above === '/' ? above : `${above}/`);
}

/** How people and messages call a file. */
export function describeKey({ fileId, label, name }: FileKey): string {
  return fileId === '' ? `file "${posix.join(label, name)}"` : `file ${fileId}`;
}

/**
 * The revisions that a key names, newest first.
 *
 * @throws UserError when the server has none
 */
export async function findRevisions(
  client: ColoniesClient,
  colonyName: string,
  key: FileKey,
  { latest = false, signal }: { readonly latest?: boolean; readonly signal?: AbortSignal } = {},
): Promise<readonly [ColonyFile, ...ColonyFile[]]> {
  const [newest, ...older] = await client
    .getFile({ colonyName, ...key, latest }, { signal })
    .catch(explainMissing(key));
  if (newest !== undefined) return [newest, ...older];
  throw new UserError(`${describeKey(key)}: unknown to the server`);
}

/** Servers refuse in the same words whatever the reason, and nothing else can be wrong with these requests. */
function explainMissing(key: FileKey): (thrown: unknown) => never {
  return (thrown) => {
    if (!(thrown instanceof ServerError) || thrown.serverMessage !== 'Failed to get file') throw thrown;
    throw new UserError(`${describeKey(key)}: unknown to the server`, { cause: thrown });
  };
}

/** Revisions as they stand on the wire, without the keys to their storage that clients of the official server put there. */
export function filesToWire(files: readonly ColonyFile[]): unknown[] {
  return listToWire(ColonyFile, files.map(withoutKeys));
}

function withoutKeys(file: ColonyFile): ColonyFile {
  const { protocol, s3Object } = file.reference;
  return {
    ...file,
    reference: { protocol, s3Object: { ...s3Object, accessKey: '', secretKey: '', encryptionKey: '' } },
  };
}

/** Everything about a revision, for a table. */
export function fileFacts(file: ColonyFile): [string, string][] {
  const { protocol, s3Object } = file.reference;
  return [
    ['Filename', file.name],
    ['FileId', file.fileId],
    ['Label', file.label],
    ['Colony', file.colonyName],
    ['Added', formatMoment(file.added)],
    ['SequenceNumber', String(file.sequenceNumber)],
    ['Size', `${file.sizeBytes} bytes`],
    ['Checksum', file.checksum],
    ['ChecksumAlg', file.checksumAlgorithm],
    ['Protocol', protocol],
    ['S3Endpoint', s3Object.server || '-'],
    ['S3Bucket', s3Object.bucket || '-'],
    ['Object', s3Object.object || '-'],
  ];
}

/** A size with a fitting unit. */
export function formatSize(sizeBytes: number): string {
  if (sizeBytes < 1024) return `${sizeBytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(sizeBytes) / 10), units.length);
  return `${(sizeBytes / 1024 ** step).toFixed(1)} ${units[step - 1]}`;
}
