import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { addFile, ColonyFile, removeFile } from '../../colony/messages/files.ts';
import { freshBytes, nameOf, putBlob } from '../support/blob-requests.ts';
import { until } from '../support/processes.ts';
import { startTestColony } from '../support/test-colony.ts';

const HOUR_MS = 3_600_000;

test('a revision of a file holds the blob that its metadata names, until it is removed', async () => {
  let passedMs = 0;
  await using colony = await startTestColony({ sweepIntervalMs: 10, clock: () => Date.now() + passedMs });
  const { colonyName, user, address, databasePath } = colony;
  const content = freshBytes(100);
  expect((await putBlob(address, user, colonyName, content)).status).toBe(201);
  const object = nameOf(content);
  const wanted = {
    colonyname: colonyName,
    label: '/data',
    name: 'f',
    size: 100,
    ref: { protocol: 'blob', s3object: { object } },
  };
  const { fileId } = await colony.call(user, addFile, { file: z.decode(ColonyFile, wanted) });
  const other = freshBytes(100);
  await putBlob(address, user, colonyName, other);
  passedMs = 5 * HOUR_MS;
  const count = async (): Promise<number> => (await readdir(`${databasePath}.blobs`)).length;
  await until(async () => (await count()) === 1);
  await colony.call(user, removeFile, { colonyName, fileId, label: '', name: '' });
  // What was held until a moment ago has its time of grace before it, which begins when a sweep has seen it.
  await until(async () => {
    passedMs += HOUR_MS;
    return (await count()) === 0;
  });
});
