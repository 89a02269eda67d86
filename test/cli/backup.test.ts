import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { loadDevelopmentColony } from '../../colony/development-colony.ts';
import { sealRequest } from '../../colony/envelope.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { inspectBackup } from '../../server/store/backup-file.ts';
import { isIntact } from '../../server/store/blob-copies.ts';
import { freshBytes, getBlob, nameOf, putBlob } from '../support/blob-requests.ts';
import { type Address, urlOf } from '../support/rpc.ts';
import { run, startCliColony, temporaryDirectory } from './support.ts';

const Saved = z.object({
  path: z.string(),
  byteCount: z.number(),
  processCount: z.number(),
  blobCount: z.number(),
  sha256: z.string(),
});

describe('server backup', () => {
  test('copies the database of a running server, checked, readable by its owner only', async () => {
    await using cli = await startCliColony();
    const { processId } = await cli.colony.submit({ label: 'kept' }, 'worker');
    const saved = Saved.parse(await cli.json(['server', 'backup', 'monday.db']));
    const bytes = await readFile(saved.path);
    expect(saved).toEqual({
      path: join(cli.colony.directory, 'monday.db'),
      byteCount: bytes.length,
      processCount: 1,
      blobCount: 0,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await stat(saved.path)).mode & 0o777).toBe(0o600);
    expect(bytes.includes(processId)).toBe(true);
    const names = await readdir(cli.colony.directory);
    expect(names.sort()).toEqual(['monday.db', 'server.db', 'server.db-wal', 'server.db.blobs']);
  });

  test('replaces an existing file with --force only', async () => {
    await using cli = await startCliColony();
    await writeFile(join(cli.colony.directory, 'there'), 'mine');
    const refused = await cli.run(['server', 'backup', 'there']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('expected no file, got one') });
    expect(await cli.run(['server', 'backup', 'there', '--force'])).toMatchObject({ code: 0 });
    expect((await readFile(join(cli.colony.directory, 'there'))).toString('latin1', 0, 15)).toBe('SQLite format 3');
  });

  test('takes blobs along, each once, and those that are missing are no obstacle', async () => {
    await using cli = await startCliColony();
    const { address, user, colonyName, databasePath } = cli.colony;
    for (const content of [freshBytes(300_000), freshBytes(10)]) {
      expect((await putBlob(address, user, colonyName, content)).status).toBe(201);
    }
    const first = Saved.parse(await cli.json(['server', 'backup', 'b.db']));
    expect(first.blobCount).toBe(2);
    const [files, copies] = await Promise.all([readdir(`${databasePath}.blobs`), readdir(`${first.path}.blobs`)]);
    expect(copies.sort()).toEqual(files.sort());
    const [file = ''] = files;
    expect(await readFile(join(`${first.path}.blobs`, file))).toEqual(
      await readFile(join(`${databasePath}.blobs`, file)),
    );
    expect((await stat(join(`${first.path}.blobs`, file))).mode & 0o777).toBe(0o600);
    for (const name of files) await rm(join(`${databasePath}.blobs`, name));
    expect(await cli.json(['server', 'backup', 'b.db', '--force'])).toMatchObject({ blobCount: 2 });
    expect(await cli.json(['server', 'backup', 'c.db'])).toMatchObject({ blobCount: 0 });
  });

  test('leaves out blobs that the server has damaged, says so, and gets anew what is damaged beside the file', async () => {
    await using cli = await startCliColony();
    const { address, user, colonyName, databasePath } = cli.colony;
    for (const length of [300_000, 10]) await putBlob(address, user, colonyName, freshBytes(length));
    await cli.run(['server', 'backup', 'b.db']);
    const directory = join(cli.colony.directory, 'b.db.blobs');
    const [good = '', bad = ''] = await readdir(directory);
    await writeFile(join(directory, good), 'changed');
    for (const name of [bad, '0'.repeat(32)]) await writeFile(join(directory, name), 'changed');
    await writeFile(join(`${databasePath}.blobs`, bad), 'changed');
    const { code, stdout, stderr } = await cli.run(['server', 'backup', 'b.db', '--force', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ blobCount: 1, missingBlobCount: 1 });
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('lost or damaged 1 of its 2') });
    expect(await readFile(join(directory, good))).toEqual(await readFile(join(`${databasePath}.blobs`, good)));
    expect(await readdir(directory)).not.toContain('0'.repeat(32));
  });

  test('is complete while blobs come and go', async () => {
    await using cli = await startCliColony();
    const { colony } = cli;
    const store = async (): Promise<void> => {
      const content = freshBytes(50_000);
      await putBlob(colony.address, colony.user, colony.colonyName, content);
      await colony.submit({ args: [{ blob: nameOf(content) }] }, 'worker');
    };
    await Promise.all(Array.from({ length: 20 }, store));
    const saving = new AbortController();
    const work = (async () => {
      while (!saving.signal.aborted) await Promise.all([store(), store()]);
    })();
    const saved = await Promise.all(['1.db', '2.db'].map((name) => cli.json(['server', 'backup', name])));
    saving.abort();
    await work;
    for (const { path } of z.array(Saved).parse(saved)) {
      const { blobs } = inspectBackup(path);
      expect(blobs.length).toBeGreaterThanOrEqual(20);
      expect(blobs.filter((blob) => !isIntact(join(`${path}.blobs`, blob.fileName), blob))).toEqual([]);
    }
  });

  test('is for the owner of the server', async () => {
    await using cli = await startCliColony();
    const flags = ['--serverprvkey', generateIdentity().privateKey];
    const { code, stderr } = await cli.run(['server', 'backup', 'b.db', ...flags]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('not server owner') });
    expect(await readdir(cli.colony.directory)).not.toContain('b.db');
  });
});

/** Posts an envelope to where backups are asked for. */
const ask = (address: Address, envelope: unknown) =>
  fetch(urlOf(address, '/backup'), { method: 'POST', body: JSON.stringify(envelope) });

describe('POST /backup', () => {
  test('answers a recorded request once only', async () => {
    await using cli = await startCliColony();
    const { address, serverOwner } = cli.colony;
    const envelope = sealRequest('getbackupmsg', { nonce: 'n', issuedat: Date.now() }, serverOwner);
    const first = await ask(address, envelope);
    expect(first.status).toBe(200);
    await first.arrayBuffer();
    const again = await ask(address, envelope);
    expect(again.status).toBe(403);
    expect(await again.json()).toMatchObject({ payloadtype: 'error', error: true });
  });

  test.for([
    ['an old request', { nonce: 'n', issuedat: Date.now() - 3_600_000 }, 400],
    ['a request without nonce', { issuedat: Date.now() }, 400],
    ['a request without time', { nonce: 'n' }, 400],
  ] as const)('refuses %s', async ([, inner, status]) => {
    await using cli = await startCliColony();
    const { address, serverOwner } = cli.colony;
    expect((await ask(address, sealRequest('getbackupmsg', inner, serverOwner))).status).toBe(status);
  });

  test.for(['../server.db', 'server.db', '', '0'.repeat(32)])('gives no file %j that is no blob', async (file) => {
    await using cli = await startCliColony();
    const { address, serverOwner } = cli.colony;
    const inner = { nonce: 'n', issuedat: Date.now(), file };
    expect((await ask(address, sealRequest('getbackupmsg', inner, serverOwner))).status).toBe(404);
  });

  test('refuses another message of the owner, and what nobody signed', async () => {
    await using cli = await startCliColony();
    const { address, serverOwner } = cli.colony;
    const inner = { nonce: 'n', issuedat: Date.now() };
    expect((await ask(address, sealRequest('getcoloniesmsg', inner, serverOwner))).status).toBe(400);
    expect((await ask(address, sealRequest('getbackupmsg', inner))).status).toBe(403);
    expect((await ask(address, 'junk')).status).toBe(400);
  });

  test('is one moment, whatever changes meanwhile, and more than one may be taken', async () => {
    await using cli = await startCliColony();
    const args = ['x'.repeat(200_000)];
    for (let count = 0; count < 5; count += 1) await cli.colony.submit({ args }, 'worker');
    const backups = [1, 2].map((number) => cli.json(['server', 'backup', `${number}.db`]));
    const changes = Array.from({ length: 20 }, () => cli.colony.submit({ args }, 'worker'));
    const [saved] = await Promise.all([Promise.all(backups), Promise.all(changes)]);
    for (const { processCount } of z.array(Saved).parse(saved)) {
      expect(processCount).toBeGreaterThanOrEqual(5);
      expect(processCount).toBeLessThanOrEqual(25);
    }
  });
});

/** A development colony whose server ran, was backed up and worked on. */
async function backedUp(home: string) {
  const server = await startDevelopmentServer(home);
  const submit = ['function', 'exec', '--func', 'f', '--targettype', 'x'];
  const before = (await run(submit, { env: server.env })).stdout.trim();
  expect((await run(['server', 'backup', 'b.db'], { env: server.env, cwd: home })).code).toBe(0);
  const after = (await run(submit, { env: server.env })).stdout.trim();
  return { server, before, after };
}

async function startDevelopmentServer(home: string) {
  const env = { SEALED_COLONIES_HOME: home };
  const interruption = new AbortController();
  const { promise: listening, resolve } = withResolvers();
  const ended = run(['server', 'start', '--port', '0'], {
    env,
    signal: interruption.signal,
    onTalk: (text) => {
      if (text.includes('Ctrl-C stops the server')) resolve();
    },
  });
  await Promise.race([listening, ended]);
  const stop = async () => {
    interruption.abort();
    return await ended;
  };
  return { env, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

function withResolvers() {
  const settle: { resolve?: () => void } = {};
  const promise = new Promise<void>((done) => (settle.resolve = done));
  return { promise, resolve: () => settle.resolve?.() };
}

describe('server restore', () => {
  test('brings back what was, keeps the former database, and that can be restored, too', async () => {
    await using directory = await temporaryDirectory();
    const home = directory.path;
    const { server, before, after } = await backedUp(home);
    const options = { env: server.env, cwd: home };
    expect(await run(['server', 'restore', 'b.db', '--force'], options)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('expected to be the only server'),
    });
    await server.stop();
    expect(await run(['server', 'restore', 'b.db'], options)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('expected no database, got one; with --force'),
    });
    const restored = await run(['server', 'restore', 'b.db', '--force', '--json'], options);
    const { kept } = z.looseObject({ kept: z.string() }).parse(JSON.parse(restored.stdout));
    {
      await using again = await startDevelopmentServer(home);
      expect((await run(['process', 'get', before], { env: again.env })).code).toBe(0);
      expect((await run(['process', 'get', after], { env: again.env })).code).toBe(1);
    }
    expect((await run(['server', 'restore', kept, '--force'], options)).code).toBe(0);
    await using latest = await startDevelopmentServer(home);
    expect((await run(['process', 'get', after], { env: latest.env })).code).toBe(0);
  });

  test('brings back blobs', async () => {
    await using directory = await temporaryDirectory();
    const home = directory.path;
    const server = await startDevelopmentServer(home);
    const colony = loadDevelopmentColony(home);
    if (colony === undefined) throw new Error('expected a development colony, got none');
    const content = freshBytes(1000);
    await putBlob(colony.server, colony.userIdentity, colony.colonyName, content);
    expect((await run(['server', 'backup', 'b.db'], { env: server.env, cwd: home })).code).toBe(0);
    await server.stop();
    for (const name of ['server.db', 'server.db.blobs']) await rm(join(home, name), { recursive: true });
    expect((await run(['server', 'restore', 'b.db'], { env: server.env, cwd: home })).code).toBe(0);
    await using again = await startDevelopmentServer(home);
    const { server: address } = loadDevelopmentColony(home) ?? colony;
    expect((await getBlob(address, colony.userIdentity, colony.colonyName, nameOf(content))).body).toEqual(content);
    expect((await run(['server', 'status'], { env: again.env })).code).toBe(0);
  });

  test('refuses a backup that lacks blobs, unless the former database has them or they are given up', async () => {
    await using directory = await temporaryDirectory();
    const home = directory.path;
    const server = await startDevelopmentServer(home);
    const colony = loadDevelopmentColony(home);
    if (colony === undefined) throw new Error('expected a development colony, got none');
    for (const length of [1000, 10]) {
      await putBlob(colony.server, colony.userIdentity, colony.colonyName, freshBytes(length));
    }
    const options = { env: server.env, cwd: home };
    await run(['server', 'backup', 'b.db'], options);
    await server.stop();
    const restore = (...flags: readonly string[]) =>
      run(['server', 'restore', 'b.db', '--force', '--json', ...flags], options);
    const [lost = '', damaged = ''] = await readdir(join(home, 'b.db.blobs'));
    await rm(join(home, 'b.db.blobs', lost));
    await writeFile(join(home, 'b.db.blobs', damaged), 'changed');
    const { kept, ...fromBoth } = z.looseObject({ kept: z.string() }).parse(JSON.parse((await restore()).stdout));
    expect(fromBoth).toMatchObject({ blobCount: 2, missingBlobCount: 0 });
    expect((await readdir(`${kept}.blobs`)).toSorted()).toEqual([lost, damaged].toSorted());
    await rm(join(home, 'server.db.blobs'), { recursive: true });
    const before = await readdir(home);
    expect(await restore()).toMatchObject({ code: 1, stderr: expect.stringContaining('2 are missing or damaged') });
    expect(await readdir(home)).toEqual(before);
    const { stdout } = await restore('--incomplete');
    expect(JSON.parse(stdout)).toMatchObject({ blobCount: 0, missingBlobCount: 2 });
    expect(await readdir(join(home, 'server.db.blobs'))).toEqual([]);
  });

  test('replaces a damaged database', async () => {
    await using directory = await temporaryDirectory();
    const home = directory.path;
    const { server, before } = await backedUp(home);
    await server.stop();
    await writeFile(join(home, 'server.db'), 'junk'.repeat(5000));
    const refused = await run(['server', 'start', '--port', '0'], { env: server.env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('expected a whole SQLite database') });
    expect((await run(['server', 'restore', 'b.db', '--force'], { env: server.env, cwd: home })).code).toBe(0);
    await using again = await startDevelopmentServer(home);
    expect((await run(['process', 'get', before], { env: again.env })).code).toBe(0);
  });

  test('refuses a damaged backup, and one of a colony with other keys, and changes nothing', async () => {
    await using directory = await temporaryDirectory();
    await using other = await temporaryDirectory();
    const { server } = await backedUp(directory.path);
    const stranger = await startDevelopmentServer(other.path);
    await Promise.all([server.stop(), stranger.stop()]);
    await copyFile(join(directory.path, 'b.db'), join(other.path, 'b.db'));
    await writeFile(join(other.path, 'junk.db'), 'junk'.repeat(5000));
    const before = await readdir(other.path);
    const [stolen, junk] = await Promise.all(
      ['b.db', 'junk.db'].map((file) =>
        run(['server', 'restore', file, '--force'], { env: stranger.env, cwd: other.path }),
      ),
    );
    expect(stolen).toMatchObject({ code: 1, stderr: expect.stringContaining('got one of another colony "dev"') });
    expect(junk).toMatchObject({ code: 1, stderr: expect.stringContaining('got a damaged one') });
    expect(await readdir(other.path)).toEqual(before);
  });
});
