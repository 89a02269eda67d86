import {
  addFile,
  type ColonyFile,
  createSnapshot,
  getFile,
  getFileLabels,
  getFiles,
  getSnapshot,
  getSnapshots,
  removeAllSnapshots,
  removeFile,
  removeSnapshot,
} from '../../colony/messages/files.ts';
import { holdBlobOfFile } from '../blobs/references.ts';
import { type Call, faultTexts, type Handler, reads, writes } from '../handler.ts';
import { MAX_FILE_NAME_CHARACTERS, MAX_FILES_PER_LIST } from '../limits.ts';
import { requireSay } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { member, requireMember } from '../roles.ts';
import {
  adderIdsOfSnapshots,
  deleteSnapshot,
  findSnapshot,
  insertSnapshot,
  listSnapshots,
  type SnapshotKey,
} from '../store/file-snapshots.ts';
import {
  adderIdsOfFile,
  deleteFile,
  findFile,
  insertFile,
  listLabels,
  listNewest,
  listRevisions,
  newestBelow,
  toColonyFile,
} from '../store/files.ts';
import { requireName, requirePrintable } from './names.ts';

const NOT_ADDED = 'Failed to add file';

/** ColonyFS: what the colony knows of files whose bytes lie elsewhere. */
export const fileHandlers: readonly Handler[] = [
  writes({
    message: addFile,
    texts: faultTexts('Failed to add log', NOT_ADDED, { file: 'Failed to add file, msg.File is nil' }),
    role: ({ file }, call) => requireMember(call, file.colonyName),
    handle({ file }, { id: adderId }, call) {
      const { database, nowMs } = call;
      requireFile(file);
      const { protocol } = file.reference;
      const reference = { ...file.reference, protocol: protocol === '' ? 's3' : protocol };
      const fileId = insertFile(database, nowMs, { ...file, reference }, adderId);
      holdBlobOfFile(call, fileId, reference.s3Object.object);
      return toColonyFile(required(findFile(database, file.colonyName, fileId), 500, NOT_ADDED));
    },
  }),
  reads({
    message: getFile,
    texts: faultTexts('Failed to add log', 'Failed to get file'),
    role: member,
    handle({ colonyName, fileId, label, name, latest }, _member, { database }) {
      if (fileId !== '') return [toColonyFile(required(findFile(database, colonyName, fileId), 400, NO_FILE))];
      if (label === '' || name === '') throw new Refusal(500, 'malformatted get file msg');
      const revisions = listRevisions(database, colonyName, label, name, latest ? 1 : undefined);
      if (revisions.length === 0) throw new Refusal(404, NO_FILE);
      return revisions.map(toColonyFile);
    },
  }),
  reads({
    message: getFiles,
    texts: faultTexts('Failed to get files'),
    role: member,
    handle: ({ colonyName, label }, _member, { database }) => listNewest(database, colonyName, label),
  }),
  reads({
    message: getFileLabels,
    texts: faultTexts('Failed to get files'),
    role: member,
    handle: ({ colonyName, name, exact }, _member, { database }) => listLabels(database, colonyName, name, exact),
  }),
  writes({
    message: removeFile,
    texts: faultTexts('Failed to remove file'),
    role: (key, call) =>
      requireSay(call, { colonyName: key.colonyName, ownerIds: adderIdsOfFile(call.database, key), what: 'file' }),
    handle(key, _subject, { database }) {
      const { fileId, label, name } = key;
      if (fileId === '' && (label === '' || name === '')) throw new Refusal(400, 'malformatted remove file msg');
      deleteFile(database, key);
    },
  }),
];

const NO_FILE = 'Failed to get file';

/** Clients make paths of labels and names, so these must not lead out of a directory. */
function requireFile({ label, name, sizeBytes, checksum, checksumAlgorithm, reference }: ColonyFile): void {
  requireLabel(label, NOT_ADDED);
  if (label === '') throw new Refusal(400, `${NOT_ADDED}, the label is empty; labels are directories such as /data`);
  requirePrintable(name, `${NOT_ADDED}, the name`, MAX_FILE_NAME_CHARACTERS);
  if (name === '' || name === '.' || name === '..' || /[/\\]/u.test(name)) {
    throw new Refusal(400, `${NOT_ADDED}, the name must be one of a file, without slashes`);
  }
  if (sizeBytes < 0) throw new Refusal(400, `${NOT_ADDED}, expected a size of 0 or more, got ${sizeBytes}`);
  const { protocol, s3Object } = reference;
  const texts = { checksum, checksumAlgorithm, protocol, ...s3Object };
  for (const [what, text] of Object.entries(texts)) {
    if (typeof text === 'string') requirePrintable(text, `${NOT_ADDED}, the ${what}`, MAX_FILE_NAME_CHARACTERS);
  }
}

/** @throws Refusal 400 for a label that is too long, cannot be shown, or leads upwards */
function requireLabel(label: string, failure: string): void {
  requirePrintable(label, `${failure}, the label`, MAX_FILE_NAME_CHARACTERS);
  if (label.split(/[/\\]/u).includes('..')) throw new Refusal(400, `${failure}, the label must not contain ..`);
}

/** Named lists of the newest revisions. */
export const snapshotHandlers: readonly Handler[] = [
  writes({
    message: createSnapshot,
    texts: faultTexts('Failed to create snapshot'),
    role: member,
    handle({ colonyName, label: written, name }, { id: adderId }, { database, nowMs }) {
      // The official command line writes a slash behind it.
      const label = written.replace(/\/$/u, '');
      requireName(name, 'Failed to create snapshot');
      requireLabel(label, 'Failed to create snapshot');
      if (findSnapshot(database, { colonyName, snapshotId: '', name }) !== undefined) {
        throw new Refusal(500, `Snapshot with name <${name}> in Colony <${colonyName}> already exists`);
      }
      const fileIds = newestBelow(database, colonyName, label, MAX_FILES_PER_LIST + 1);
      if (fileIds.length > MAX_FILES_PER_LIST) {
        throw new Refusal(400, `Failed to create snapshot, expected at most ${MAX_FILES_PER_LIST} files under a label`);
      }
      return insertSnapshot(database, nowMs, { colonyName, label, name, fileIds }, adderId);
    },
  }),
  reads({
    message: getSnapshots,
    texts: faultTexts('Failed to get snapshots'),
    role: member,
    handle: ({ colonyName }, _member, { database }) => listSnapshots(database, colonyName),
  }),
  reads({
    message: getSnapshot,
    texts: faultTexts('Failed to get snapshot'),
    role: member,
    handle(key, _member, { database }) {
      requireKey(key, 'Failed to get snapshot, malformatted msg');
      return required(findSnapshot(database, key), 500, noSnapshot(key));
    },
  }),
  writes({
    message: removeSnapshot,
    texts: faultTexts('Failed to remove snapshot'),
    role: (key, call) => ownSnapshots(call, key.colonyName, key),
    handle(key, _subject, { database }) {
      requireKey(key, 'Failed to remove snapsnot, malformatted msg');
      deleteSnapshot(database, key);
    },
  }),
  writes({
    message: removeAllSnapshots,
    texts: faultTexts('Failed to remove snapshot'),
    role: ({ colonyName }, call) => ownSnapshots(call, colonyName),
    handle({ colonyName }, _subject, { database }) {
      database.run('DELETE FROM snapshots WHERE colony_name = ?', colonyName);
    },
  }),
];

/** Role of a message that removes snapshots: whoever has a say in the one that a key names, or in all. */
function ownSnapshots(call: Call, colonyName: string, key?: SnapshotKey): void {
  requireSay(call, { colonyName, ownerIds: adderIdsOfSnapshots(call.database, colonyName, key), what: 'snapshot' });
}

function requireKey({ snapshotId, name }: SnapshotKey, text: string): void {
  if (snapshotId === '' && name === '') throw new Refusal(500, text);
}

function noSnapshot({ colonyName, snapshotId, name }: SnapshotKey): string {
  const which = snapshotId === '' ? `name <${name}>` : `Id <${snapshotId}>`;
  return `Snapshot not found with ${which} in Colony <${colonyName}> does not exists`;
}
