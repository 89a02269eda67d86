import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadS3Settings, openBlobStore, type S3Settings } from '../../colony/blobs.ts';
import { createColoniesClient } from '../../colony/client.ts';
import { freshBytes, nameOf } from '../support/blob-requests.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import certificate from '../vectors/loopback-certificate.json' with { type: 'json' };

const NO_RETRY = { forMs: 0 };
/** The Colonies server is never asked: the bucket is the storage. */
const client = createColoniesClient({ server: { host: '127.0.0.1', port: 1, tls: false } });

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(changes: Partial<S3Settings> = {}, retry?: { readonly forMs: number }) {
  return openBlobStore({ client, colonyName: 'dev', s3: { ...server.settings, ...changes }, retry });
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* inPieces(content: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < content.length; start += length) yield content.subarray(start, start + length);
}

test('what is put comes back byte for byte, under its digest, in a bucket that is made where missing', async () => {
  const store = open({ bucket: 'fresh' });
  const content = freshBytes(3_000_000);
  const reference = await store.put(inPieces(content, 70_001));
  expect(reference).toEqual({ blob: nameOf(content), bytes: 3_000_000 });
  expect((await whole(store.get(reference))).equals(content)).toBe(true);
  expect(await store.has(reference)).toBe(true);
  expect(await readdir(join(server.directory, 'fresh', 'sha256'))).toContain(
    `${reference.blob.slice(7)}._S3rver_object`,
  );
});

test('a bucket can be in another region', async () => {
  const store = open({ bucket: 'abroad', region: 'eu-north-1' });
  const reference = await store.put(freshBytes(10));
  expect(await store.has(reference)).toBe(true);
});

test('putting twice, and nothing at all, does no harm', async () => {
  const store = open();
  const content = freshBytes(1000);
  expect(await store.put(content)).toEqual(await store.put(content));
  const nothing = await store.put(Buffer.alloc(0));
  expect(await whole(store.get(nothing))).toHaveLength(0);
});

test('what is missing is missing', async () => {
  const store = open();
  const reference = { blob: nameOf(freshBytes(10)), bytes: 10 };
  await store.put(freshBytes(1));
  expect(await store.has(reference)).toBe(false);
  await expect(whole(store.get(reference))).rejects.toThrow(
    /bucket shared at 127\.0\.0\.1:\d+ answered 404 \(NoSuchKey\)/u,
  );
});

test('a download that breaks is resumed where it broke', async () => {
  const content = freshBytes(2_000_000);
  const reference = await open().put(content);
  await using proxy = await startCuttingProxy(server.port, 3, 300_000);
  const store = open({ endpoint: `127.0.0.1:${proxy.port}` });
  expect((await whole(store.get(reference))).equals(content)).toBe(true);
  expect(proxy.cuts()).toBe(3);
});

test('an object that was changed is never taken for the blob, nor is its last part given out', async () => {
  const store = open();
  const content = freshBytes(300_000);
  const reference = await store.put(content);
  const file = join(server.directory, 'shared', 'sha256', `${reference.blob.slice(7)}._S3rver_object`);
  await writeFile(file, Buffer.concat([content.subarray(0, 299_999), freshBytes(2)]).subarray(0, 300_000));
  let received = 0;
  const reading = (async () => {
    for await (const chunk of store.get(reference)) received += chunk.length;
  })();
  await expect(reading).rejects.toThrow(
    /expected the 300000 bytes of sha256:\w+, got others; they were changed or cut/u,
  );
  expect(received).toBeLessThan(300_000);
});

test('a wrong secret is refused in words without any secret', async () => {
  const store = open({ secretKey: 'a-secret-nobody-shall-see' }, NO_RETRY);
  const message = await store.put(freshBytes(10)).then(
    () => '',
    (error: unknown) => String(error),
  );
  expect(message).toMatch(/bucket shared at 127\.0\.0\.1:\d+ answered 403/u);
  expect(message).not.toContain('a-secret');
});

test('a storage that cannot be reached is a lost connection', async () => {
  const store = open({ endpoint: '127.0.0.1:1' }, NO_RETRY);
  await expect(store.put(freshBytes(10))).rejects.toMatchObject({ name: 'ConnectionError', code: 'ECONNREFUSED' });
});

describe('over TLS', () => {
  test('an unknown certificate is refused, unless AWS_S3_SKIPVERIFY says otherwise', async () => {
    await using secure = await startS3Server(certificate);
    const strict = openBlobStore({ client, colonyName: 'dev', s3: secure.settings, retry: NO_RETRY });
    await expect(strict.put(freshBytes(10))).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const lax = openBlobStore({ client, colonyName: 'dev', s3: { ...secure.settings, skipVerify: true } });
    const content = freshBytes(100_000);
    expect((await whole(lax.get(await lax.put(content)))).equals(content)).toBe(true);
  });
});

describe('the variables of ColonyFS', () => {
  const complete = {
    AWS_S3_ENDPOINT: 's3.example.org:9000',
    AWS_S3_ACCESSKEY: 'access',
    AWS_S3_SECRETKEY: 'secret-key',
    AWS_S3_BUCKET: 'bucket',
  };

  test('name the storage', () => {
    expect(loadS3Settings(complete)).toEqual({
      endpoint: 's3.example.org:9000',
      accessKey: 'access',
      secretKey: 'secret-key',
      bucket: 'bucket',
      region: 'us-east-1',
      tls: true,
      skipVerify: false,
    });
    const others = { AWS_S3_REGION: 'eu-north-1', AWS_S3_TLS: 'false', AWS_S3_SKIPVERIFY: 'true' };
    expect(loadS3Settings({ ...complete, ...others })).toMatchObject({
      region: 'eu-north-1',
      tls: false,
      skipVerify: true,
    });
    expect(loadS3Settings({ ...complete, AWS_S3_ENDPOINT: 'localhost:9000' })).toMatchObject({ tls: false });
  });

  test('say nothing without an endpoint', () => {
    expect(loadS3Settings({ ...complete, AWS_S3_ENDPOINT: '' })).toBeUndefined();
  });

  test.each([
    ['AWS_S3_ENDPOINT', 'http://s3.example.org'],
    ['AWS_S3_ENDPOINT', 'user@s3.example.org'],
    ['AWS_S3_ACCESSKEY', ''],
    ['AWS_S3_SECRETKEY', ''],
    ['AWS_S3_BUCKET', '../other'],
    ['AWS_S3_REGION', '<xml>'],
    ['AWS_S3_TLS', 'yes'],
  ])('%s must not be "%s"', (name, value) => {
    expect(() => loadS3Settings({ ...complete, [name]: value })).toThrow(new RegExp(`^${name}: expected `, 'u'));
    expect(() => loadS3Settings({ ...complete, [name]: value })).not.toThrow(/secret-key/u);
  });
});
