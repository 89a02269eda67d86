import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { addFile, ColonyFile } from '../../colony/messages/files.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { type CliColony, run, startCliColony, temporaryDirectory } from './support.ts';

let cli: CliColony;
let s3: S3Server;
beforeAll(async () => {
  [cli, s3] = await Promise.all([startCliColony(), startS3Server()]);
});
afterAll(async () => {
  await Promise.all([cli[Symbol.asyncDispose](), s3[Symbol.asyncDispose]()]);
});

/** Runs a command line that finds the bucket. */
function runWithS3(argv: readonly string[]) {
  return run(argv, { cwd: cli.colony.directory, env: { ...cli.env, ...s3.env } });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Adds a file as a client of the official server does, which has put its bytes under a key of its own. */
async function addAsOfficialClient(name: string, key: string, content: string, checksum = sha256(content)) {
  const s3object = { server: s3.settings.endpoint, port: -1, tls: false, bucket: s3.settings.bucket, object: key };
  const wanted = { name, label: '/official', size: content.length, checksum, checksumalg: 'SHA256' };
  const file = z.decode(ColonyFile, { ...wanted, colonyname: 'test', ref: { protocol: 's3', s3object } });
  await cli.colony.call(cli.colony.user, addFile, { file });
}

test('files go to the bucket that the variables name, where other clients find them, and come back', async () => {
  await using here = await temporaryDirectory();
  await using there = await temporaryDirectory();
  await writeFile(join(here.path, 'f'), 'in the bucket');
  expect((await runWithS3(['fs', 'sync', '-d', here.path, '-l', '/bucket'])).code).toBe(0);
  const [file] = z.array(z.looseObject({ ref: z.unknown() })).parse(await cli.json(['fs', 'ls', '-l', '/bucket']));
  expect(file?.ref).toMatchObject({
    protocol: 's3',
    s3object: { server: s3.settings.endpoint, bucket: s3.settings.bucket, accesskey: '', secretkey: '' },
  });
  expect(await s3.get(`sha256/${sha256('in the bucket')}`)).toBe('in the bucket');
  expect((await runWithS3(['fs', 'sync', '-d', there.path, '-l', '/bucket'])).code).toBe(0);
  expect(await readFile(join(there.path, 'f'), 'utf8')).toBe('in the bucket');
});

test('files that official clients have put under keys of their own are fetched', async () => {
  await s3.put('random/key%20of%2Btheirs', 'from elsewhere');
  await addAsOfficialClient('theirs', 'random/key of+theirs', 'from elsewhere');
  await using directory = await temporaryDirectory();
  const fetched = await runWithS3(['fs', 'get', '-l', '/official', '-n', 'theirs', '-d', directory.path]);
  expect(fetched).toEqual({ code: 0, stdout: `${join(directory.path, 'theirs')}\n`, stderr: '' });
  expect(await readFile(join(directory.path, 'theirs'), 'utf8')).toBe('from elsewhere');
});

test.each([
  ['bytes that were changed', 'changed', 'the right text', 'the wrong text'],
  ['an object that is missing', 'missing', 'text', undefined],
  ['a key that leads out of the bucket', '../shared/up', 'text', undefined],
])('nothing is written for %s', async (_what, key, expected, stored) => {
  if (stored !== undefined) await s3.put(key, stored);
  await s3.put('up', 'text');
  await addAsOfficialClient('broken', key, expected);
  await using directory = await temporaryDirectory();
  const { code, stderr } = await runWithS3(['fs', 'get', '-l', '/official', '-n', 'broken', '-d', directory.path]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: /u);
  expect(await readdir(directory.path)).toEqual([]);
});
