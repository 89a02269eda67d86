import * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { boolean, field, integer, list, nested, text, time, wireObject } from './wire.ts';

const S3Object = wireObject({
  server: field('server', text),
  port: field('port', integer),
  tls: field('tls', boolean),
  accessKey: field('accesskey', text),
  secretKey: field('secretkey', text),
  region: field('region', text),
  encryptionKey: field('encryptionkey', text),
  encryptionAlgorithm: field('encryptionalg', text),
  object: field('object', text),
  bucket: field('bucket', text),
});

const fileReferenceCodec = wireObject({
  protocol: field('protocol', text),
  s3Object: field('s3object', nested(S3Object)),
});
/** Where the bytes of a file lie. Keys have no place in it: every member of the colony reads it. */
export interface FileReference extends z.output<typeof fileReferenceCodec> {}
/** @see {@link FileReference} */
export const FileReference: z.ZodType<FileReference> = fileReferenceCodec;

const colonyFileCodec = wireObject({
  fileId: field('fileid', text),
  colonyName: field('colonyname', text),
  /** A directory such as `/data/2026`: leading slash, none at the end. */
  label: field('label', text),
  name: field('name', text),
  sizeBytes: field('size', integer),
  sequenceNumber: field('sequencenr', integer),
  checksum: field('checksum', text),
  checksumAlgorithm: field('checksumalg', text),
  reference: field('ref', nested(FileReference)),
  added: field('added', time),
});
/** What the colony knows of a revision of a file. The bytes lie elsewhere; never put a key into the reference. */
export interface ColonyFile extends z.output<typeof colonyFileCodec> {}
/** @see {@link ColonyFile} */
export const ColonyFile: z.ZodType<ColonyFile> = colonyFileCodec;

const FileSummary = wireObject({
  name: field('name', text),
  checksum: field('checksum', text),
  sizeBytes: field('size', integer),
  s3FileName: field('s3filename', text),
});

const FileLabel = wireObject({ name: field('name', text), revisionCount: field('files', integer) });

const snapshotCodec = wireObject({
  snapshotId: field('snapshotid', text),
  colonyName: field('colonyname', text),
  label: field('label', text),
  name: field('name', text),
  fileIds: field('fileids', list(z.string())),
  added: field('added', time),
});
/** The newest revisions of the files under a label, as they were at one moment. */
export interface Snapshot extends z.output<typeof snapshotCodec> {}
/** @see {@link Snapshot} */
export const Snapshot: z.ZodType<Snapshot> = snapshotCodec;

const colonyName = field('colonyname', text);
const label = field('label', text);
const name = field('name', text);
const fileId = field('fileid', text);
const snapshotId = field('snapshotid', text);

/** Adds a revision of a file. Role: member. */
export const addFile = defineMessage('addfilemsg', { file: field('file', ColonyFile) }, ColonyFile);
/** The revision with an id; or the revisions (with `latest`: the newest) of a label and name. Role: member. */
export const getFile = defineMessage(
  'getfilemsg',
  { colonyName, fileId, label, name, latest: field('latest', boolean) },
  list(ColonyFile),
);
/** The newest revision of every file under a label. Role: member. */
export const getFiles = defineMessage('getfilesmsg', { colonyName, label }, list(FileSummary));
/** Labels that begin with a text, or with `exact` the label itself and those below it. Role: member. */
export const getFileLabels = defineMessage(
  'getfilelabelsmsg',
  { colonyName, name, exact: field('exact', boolean) },
  list(FileLabel),
);
/** Forgets the revision with an id, or all revisions of a label and name. Role: member. */
export const removeFile = defineMessage('removefilemsg', { colonyName, fileId, label, name }, Nothing);

/** Names the present state of a label. Role: member. */
export const createSnapshot = defineMessage('createsnapshotmsg', { colonyName, label, name }, Snapshot);
/** All snapshots, newest first. Role: member. */
export const getSnapshots = defineMessage('getsnapshotsmsg', { colonyName }, list(Snapshot));
/** One snapshot by id or name. Role: member. */
export const getSnapshot = defineMessage('getsnapshotmsg', { colonyName, snapshotId, name }, Snapshot);
/** Forgets a snapshot, by id or name. Role: member. */
export const removeSnapshot = defineMessage('removesnapshotmsg', { colonyName, snapshotId, name }, Nothing);
/** Forgets all snapshots. Role: member. */
export const removeAllSnapshots = defineMessage('removeallsnapshotmsg', { colonyName }, Nothing);
