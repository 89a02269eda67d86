import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BlobSource, getFile, openBlobStore, type OpenBlobStoreOptions, putFile } from '../../colony/blobs.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { UserError } from '../../colony/errors.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { freshBytes, nameOf } from '../support/blob-requests.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

interface Opening extends Pick<OpenBlobStoreOptions, 'retry' | 'signal' | 'onRetry' | 'stallMs'> {
  readonly port?: number;
  readonly identity?: Identity;
}

function open(colony: TestColony, { port = colony.address.port, identity = colony.user, ...options }: Opening = {}) {
  const client = createColoniesClient({ server: { ...colony.address, port }, identity });
  return openBlobStore({ client, colonyName: colony.colonyName, ...options });
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* inPieces(content: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += length) yield content.subarray(start, start + length);
}

/** A directory that is removed at the end. */
async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'files-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test.each(['bytes at hand', 'a stream', 'a file'])('%s can be put, and come back byte for byte', async (kind) => {
  await using colony = await startTestColony();
  await using directory = await temporaryDirectory();
  const content = freshBytes(1_500_000);
  const path = join(directory.path, 'content');
  await writeFile(path, content);
  const sources: ReadonlyMap<string, BlobSource> = new Map<string, BlobSource>([
    ['bytes at hand', content],
    ['a stream', inPieces(content, 99_999)],
    ['a file', { path }],
  ]);
  const store = open(colony);
  const reference = await store.put(sources.get(kind) ?? content);
  expect(reference).toEqual({ blob: nameOf(content), bytes: 1_500_000 });
  expect((await whole(store.get(reference))).equals(content)).toBe(true);
  expect(await store.has(reference)).toBe(true);
});

test('bytes that several threads share can be put', async () => {
  await using colony = await startTestColony();
  const content = new Uint8Array(new SharedArrayBuffer(300_000)).fill(7);
  const store = open(colony);
  expect((await whole(store.get(await store.put(content)))).equals(Buffer.alloc(300_000, 7))).toBe(true);
});

test('says whether there is a storage, and whether a blob is in it, as long as expected', async () => {
  await using colony = await startTestColony();
  const store = open(colony);
  expect(await store.isAvailable()).toBe(true);
  const reference = await store.put(freshBytes(10));
  expect(await store.has({ ...reference, bytes: 11 })).toBe(false);
  expect(await store.has({ blob: nameOf(freshBytes(1)), bytes: 1 })).toBe(false);
});

test('a blob that does not exist is refused by the server, in its words', async () => {
  await using colony = await startTestColony();
  const reading = whole(open(colony).get({ blob: nameOf(freshBytes(1)), bytes: 1 }));
  await expect(reading).rejects.toMatchObject({ name: 'ServerError', status: 404, serverMessage: 'Blob not found' });
});

test('strangers are refused at once, whatever they would send', async () => {
  await using colony = await startTestColony();
  const store = open(colony, { identity: generateIdentity() });
  await expect(store.put(freshBytes(3_000_000))).rejects.toMatchObject({ status: 403 });
  await expect(store.has({ blob: nameOf(freshBytes(1)), bytes: 1 })).rejects.toMatchObject({ status: 403 });
});

test('a reference to more or fewer bytes than there are is not believed', async () => {
  await using colony = await startTestColony();
  const store = open(colony);
  const { blob } = await store.put(freshBytes(100_000));
  await expect(whole(store.get({ blob, bytes: 99_999 }))).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
  await expect(whole(store.get({ blob, bytes: 100_001 }))).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
});

test('bytes that were changed on the disk of the server are not believed, nor is their last part given out', async () => {
  await using colony = await startTestColony();
  const store = open(colony);
  const content = freshBytes(300_000);
  const reference = await store.put(content);
  const [file = ''] = await readdir(`${colony.databasePath}.blobs`);
  await writeFile(join(`${colony.databasePath}.blobs`, file), freshBytes(300_000));
  let received = 0;
  const reading = (async () => {
    for await (const chunk of store.get(reference)) received += chunk.length;
  })();
  await expect(reading).rejects.toMatchObject({ code: 'BLOB_DAMAGED' });
  expect(received).toBeLessThan(300_000);
});

describe('a connection that breaks', () => {
  test('is resumed where it broke by a download', async () => {
    await using colony = await startTestColony();
    const content = freshBytes(3_000_000);
    const reference = await open(colony).put(content);
    await using proxy = await startCuttingProxy(colony.address.port, 4, 400_000);
    const codes: unknown[] = [];
    const store = open(colony, { port: proxy.port, onRetry: ({ code }) => codes.push(code) });
    expect((await whole(store.get(reference))).equals(content)).toBe(true);
    expect([proxy.cuts(), codes.length]).toEqual([4, 4]);
  });

  test('makes an upload begin again', async () => {
    await using colony = await startTestColony();
    const content = freshBytes(3_000_000);
    // What the server says first is that it wants the body; then the wire breaks.
    await using proxy = await startCuttingProxy(colony.address.port, 2, 1);
    const store = open(colony, { port: proxy.port });
    const reference = await store.put(inPieces(content, 100_000));
    expect((await whole(open(colony).get(reference))).equals(content)).toBe(true);
    expect(proxy.cuts()).toBe(2);
  });

  test('is told once the time is over', async () => {
    await using colony = await startTestColony();
    await using proxy = await startCuttingProxy(colony.address.port, 1000, 1);
    const store = open(colony, { port: proxy.port, retry: { forMs: 200 } });
    await expect(store.put(freshBytes(10))).rejects.toMatchObject({ name: 'ConnectionError', code: 'ECONNRESET' });
  });
});

test('a signal ends an upload and a download with its reason', async () => {
  await using colony = await startTestColony();
  const reference = await open(colony).put(freshBytes(2_000_000));
  const stopping = new AbortController();
  const reason = new Error('enough');
  const reading = (async () => {
    for await (const chunk of open(colony).get(reference, { signal: stopping.signal })) {
      if (chunk.length > 0) stopping.abort(reason);
    }
  })();
  await expect(reading).rejects.toBe(reason);
  await expect(open(colony, { signal: stopping.signal }).put(freshBytes(10))).rejects.toBe(reason);
});

test('whoever stops reading early leaves nothing open', async () => {
  await using colony = await startTestColony();
  const store = open(colony);
  const reference = await store.put(freshBytes(5_000_000));
  const content = store.get(reference);
  await content.next();
  await content.return(undefined);
  expect(await store.has(reference)).toBe(true);
});

describe('files', () => {
  test('are put and fetched without a trace of what failed', async () => {
    await using colony = await startTestColony();
    await using directory = await temporaryDirectory();
    const store = open(colony);
    const [source, target] = [join(directory.path, 'source'), join(directory.path, 'target')];
    await writeFile(source, freshBytes(500_000));
    const reference = await putFile(store, source);
    await getFile(store, reference, target);
    expect((await readFile(target)).equals(await readFile(source))).toBe(true);
    await expect(getFile(store, { ...reference, bytes: 1 }, join(directory.path, 'other'))).rejects.toThrow(
      /expected the 1 bytes/u,
    );
    expect((await readdir(directory.path)).sort()).toEqual(['source', 'target']);
  });

  test('that cannot be read or written are told by their path', async () => {
    await using colony = await startTestColony();
    await using directory = await temporaryDirectory();
    const store = open(colony);
    const missing = join(directory.path, 'missing');
    await expect(putFile(store, missing)).rejects.toThrow(UserError);
    await expect(putFile(store, missing)).rejects.toThrow(/missing: expected a readable file/u);
    const reference = await store.put(freshBytes(10));
    await expect(getFile(store, reference, join(missing, 'deeper'))).rejects.toThrow(/deeper: expected to write it/u);
  });
});
