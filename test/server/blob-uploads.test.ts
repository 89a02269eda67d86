import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { authorizationFor } from '../../colony/blobs/token.ts';
import { openBlobStore } from '../../colony/blobs.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { freshBytes, getBlob, nameOf, putBlob, wordsOf } from '../support/blob-requests.ts';
import { until } from '../support/processes.ts';
import type { Address } from '../support/rpc.ts';
import { spawnServer } from '../support/server-process.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

interface Upload extends AsyncDisposable {
  readonly socket: Socket;
  readonly heard: () => string;
}

/** Begins to send a blob and stops in the middle. */
async function beginUpload(address: Address, user: Identity, content: Buffer, sentBytes: number): Promise<Upload> {
  const token = { method: 'PUT', colonyname: 'test', blob: nameOf(content), bytes: content.length } as const;
  const socket = connect(address.port, '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined).on('data', (chunk) => (text += chunk.toString()));
  await once(socket, 'connect');
  socket.write(
    `PUT /blobs/${token.blob} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorizationFor(token, user)}\r\n` +
      `content-length: ${content.length}\r\n\r\n`,
  );
  socket.write(content.subarray(0, sentBytes));
  return {
    socket,
    heard: () => text,
    async [Symbol.asyncDispose]() {
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    },
  };
}

const filesIn = (databasePath: string) => readdir(`${databasePath}.blobs`);
const isEmpty = async ({ databasePath }: TestColony) => (await filesIn(databasePath)).length === 0;

const MEBIBYTE = 2 ** 20;

describe('a member who begins uploads and sends little', () => {
  test('keeps no room from others', async () => {
    await using colony = await startTestColony({ blobs: { maxColonyBytes: 20 * MEBIBYTE } });
    await using upload = await beginUpload(colony.address, colony.user, freshBytes(18 * MEBIBYTE), 1);
    await until(async () => !(await isEmpty(colony)));
    expect((await putBlob(colony.address, colony.user, 'test', freshBytes(10 * MEBIBYTE))).status).toBe(201);
    expect(upload.heard()).toBe('');
  });

  test('keeps no more than half of the places', async () => {
    await using colony = await startTestColony();
    const other = await colony.addExecutor('worker');
    const uploads: Upload[] = [];
    for (let count = 0; count < 64; count += 1) {
      uploads.push(await beginUpload(colony.address, colony.user, freshBytes(1000), 1));
    }
    await until(async () => (await filesIn(colony.databasePath)).length === 64);
    const answer = await putBlob(colony.address, colony.user, 'test', freshBytes(10));
    expect([answer.status, wordsOf(answer)]).toEqual([503, expect.stringContaining('at most 64 transfers')]);
    expect((await putBlob(colony.address, other.identity, 'test', freshBytes(10))).status).toBe(201);
    await Promise.all(uploads.map((upload) => upload[Symbol.asyncDispose]()));
  });
});

describe('of an upload that does not end well nothing is left', () => {
  test('when the bytes are others than the digest says', async () => {
    await using colony = await startTestColony();
    const answer = await putBlob(colony.address, colony.user, 'test', freshBytes(1000), {
      blob: nameOf(freshBytes(1)),
    });
    expect([answer.status, wordsOf(answer)]).toEqual([400, expect.stringContaining('got others')]);
    expect(await isEmpty(colony)).toBe(true);
  });

  test('when the connection breaks', async () => {
    await using colony = await startTestColony();
    const content = freshBytes(100_000);
    await using upload = await beginUpload(colony.address, colony.user, content, 50_000);
    await until(async () => !(await isEmpty(colony)));
    upload.socket.destroy();
    await until(() => isEmpty(colony));
    expect((await getBlob(colony.address, colony.user, 'test', nameOf(content))).status).toBe(404);
    expect((await putBlob(colony.address, colony.user, 'test', content)).status).toBe(201);
  });

  test('when nothing comes any more: it is given up with 408', async () => {
    await using colony = await startTestColony({ stallMs: 100 });
    await using upload = await beginUpload(colony.address, colony.user, freshBytes(1000), 500);
    await once(upload.socket, 'close');
    expect(upload.heard()).toMatch(/^HTTP\/1\.1 408 [\s\S]*"payloadtype":"error"/u);
    expect(await isEmpty(colony)).toBe(true);
  });

  test('when next to nothing comes', async () => {
    await using colony = await startTestColony({ stallMs: 200 });
    await using upload = await beginUpload(colony.address, colony.user, freshBytes(100_000), 1);
    const drip = setInterval(() => upload.socket.write('x'), 20);
    await once(upload.socket, 'close');
    clearInterval(drip);
    expect(upload.heard()).toContain('HTTP/1.1 408 ');
    expect(await isEmpty(colony)).toBe(true);
  });

  test('when others have taken the room meanwhile: it is refused with 507', async () => {
    await using colony = await startTestColony({ blobs: { maxColonyBytes: 20 * MEBIBYTE } });
    const content = freshBytes(16 * MEBIBYTE);
    await using upload = await beginUpload(colony.address, colony.user, content, 1000);
    await until(async () => !(await isEmpty(colony)));
    expect((await putBlob(colony.address, colony.user, 'test', freshBytes(14 * MEBIBYTE))).status).toBe(201);
    upload.socket.write(content.subarray(1000));
    await until(() => upload.heard() !== '');
    expect(upload.heard()).toContain('HTTP/1.1 507 ');
    await until(async () => (await filesIn(colony.databasePath)).length === 1);
  });

  test('when the server is stopped in its middle', async () => {
    await using colony = await startTestColony();
    await using upload = await beginUpload(colony.address, colony.user, freshBytes(100_000), 50_000);
    await until(async () => !(await isEmpty(colony)));
    await colony.server.stop();
    expect(await isEmpty(colony)).toBe(true);
    expect(upload.heard()).toBe('');
  });

  test('when the server dies in its middle, and starts again', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'blobs-'));
    const [owner, user] = [generateIdentity(), generateIdentity()];
    const databasePath = join(directory, 'server.db');
    const bootstrap = { colony: { id: owner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] };
    const options = { port: 0, databasePath, serverId: owner.id, bootstrap };
    const [stored, half] = [freshBytes(300_000), freshBytes(300_000)];
    try {
      const first = await spawnServer(options);
      expect((await putBlob(first.address, user, 'test', stored)).status).toBe(201);
      await using upload = await beginUpload(first.address, user, half, 200_000);
      await until(async () => (await filesIn(databasePath)).length === 2);
      await first.end('SIGKILL');
      expect(upload.heard()).toBe('');
      expect(await filesIn(databasePath)).toHaveLength(2);
      await using second = await spawnServer(options);
      expect(await filesIn(databasePath)).toHaveLength(1);
      expect((await getBlob(second.address, user, 'test', nameOf(stored))).body.equals(stored)).toBe(true);
      expect((await getBlob(second.address, user, 'test', nameOf(half))).status).toBe(404);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

test('a blob of 200 MB passes through a server that holds next to nothing of it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'blobs-'));
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const bootstrap = { colony: { id: owner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] };
  try {
    const databasePath = join(directory, 'server.db');
    await using server = await spawnServer({ port: 0, databasePath, serverId: owner.id, bootstrap });
    const client = createColoniesClient({ server: server.address, identity: user });
    const store = openBlobStore({ client, colonyName: 'test' });
    const before = residentMegabytes(server.pid);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, residentMegabytes(server.pid))), 200);
    const reference = await store.put(megabytes(200));
    const hash = createHash('sha256');
    for await (const chunk of store.get(reference)) hash.update(chunk);
    clearInterval(watch);
    expect(reference.bytes).toBe(200 * 1024 ** 2);
    expect(`sha256:${hash.digest('hex')}`).toBe(reference.blob);
    expect(most - before).toBeLessThan(80);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 120_000);

async function* megabytes(count: number): AsyncGenerator<Buffer> {
  for (let index = 0; index < count; index += 1) yield randomBytes(1024 ** 2);
}

function residentMegabytes(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)]).toString()) / 1024;
}
