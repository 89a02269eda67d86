import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodePrivateKey,
  decodePublicKey,
  encodePrivateKey,
  encodePublicKey,
  loadPrivateKey,
  loadPublicKey,
  saveKeyPair,
} from '../../cli/key-files.ts';
import { temporaryDirectory } from './support.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

test('keys have the form of the Python example', () => {
  expect(encodePublicKey({ n: 77n })).toBe(base64('{"n": "77"}'));
  expect(encodePublicKey({ n: 77n, blum: true })).toBe(base64('{"n": "77", "blum": true}'));
  expect(encodePrivateKey({ p: 7n, q: 11n })).toBe(base64('{"p": "7", "q": "11"}'));
});

test('what is encoded can be decoded, with whitespace around it', () => {
  const number = fc.bigInt({ min: 1n, max: 2n ** 4096n });
  fc.assert(
    fc.property(number, number, fc.constantFrom('', '\n', '\r\n', '  \n'), (p, q, end) => {
      expect(decodePublicKey(encodePublicKey({ n: p }) + end, 'file')).toEqual({
        n: p,
        text: encodePublicKey({ n: p }),
      });
      expect(decodePrivateKey(encodePrivateKey({ p, q }) + end, 'file')).toEqual({ p, q });
    }),
    { seed: 2, numRuns: 50 },
  );
});

test.each([
  ['nothing', ''],
  ['no base64', '{"n": "77"}'],
  ['no JSON', base64('n = 77')],
  ['a number instead of text', base64('{"n": 77}')],
  ['a negative number', base64('{"n": "-77"}')],
  ['hexadecimal digits', base64('{"n": "0x77"}')],
  ['a private key', encodePrivateKey({ p: 7n, q: 11n })],
  ['two lines', `${encodePublicKey({ n: 77n })}\n${encodePublicKey({ n: 77n })}`],
  ['a list', base64('["77"]')],
  ['endless digits', base64(`{"n": "${'7'.repeat(10_001)}"}`)],
])('a public key file with %s is refused without quoting it', (_what, text) => {
  expect(() => decodePublicKey(text, 'public_key.b64')).toThrow(
    `public_key.b64: expected base64 of {"n": "<decimal>"}, got ${text.length} characters of another form`,
  );
});

test('the private key is for its owner only, both files end with a line feed, and nothing else is left', async () => {
  await using directory = await temporaryDirectory();
  const { publicKeyPath, privateKeyPath } = await saveKeyPair(directory.path, { p: 7n, q: 11n, blum: true });
  expect((await stat(privateKeyPath)).mode & 0o777).toBe(0o600);
  expect((await stat(publicKeyPath)).mode & 0o777).toBe(0o644);
  expect(await readFile(publicKeyPath, 'utf8')).toBe(`${encodePublicKey({ n: 77n, blum: true })}\n`);
  expect(await loadPublicKey(publicKeyPath)).toMatchObject({ n: 77n, blum: true });
  expect(await loadPrivateKey(privateKeyPath, refuseWarning)).toEqual({ p: 7n, q: 11n });
  expect(await readdir(directory.path)).toHaveLength(2);
});

test('a private key that others can read is read with a warning', async () => {
  await using directory = await temporaryDirectory();
  const { privateKeyPath } = await saveKeyPair(directory.path, { p: 7n, q: 11n });
  await chmod(privateKeyPath, 0o640);
  const warnings: string[] = [];
  await loadPrivateKey(privateKeyPath, (warning) => warnings.push(warning));
  expect(warnings).toEqual([expect.stringContaining(`run "chmod 600 ${privateKeyPath}"`)]);
});

function refuseWarning(warning: string): never {
  throw new Error(`expected no warning, got: ${warning}`);
}

test.each(['public_key.b64', 'private_key.b64'])(
  'an existing %s is kept unless it may be overwritten',
  async (name) => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, name), 'precious');
    await expect(saveKeyPair(directory.path, { p: 7n, q: 11n })).rejects.toThrow(
      `${name}: expected no file, got a key file`,
    );
    expect(await readdir(directory.path)).toEqual([name]);
    expect(await readFile(join(directory.path, name), 'utf8')).toBe('precious');
    await saveKeyPair(directory.path, { p: 7n, q: 11n }, { overwrite: true });
    expect(await loadPrivateKey(join(directory.path, 'private_key.b64'), refuseWarning)).toMatchObject({ p: 7n });
  },
);

test('of two that write at the same time one wins, and its files fit together', async () => {
  await using directory = await temporaryDirectory();
  const results = await Promise.allSettled([
    saveKeyPair(directory.path, { p: 7n, q: 11n }),
    saveKeyPair(directory.path, { p: 13n, q: 17n }),
  ]);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const { p, q } = await loadPrivateKey(join(directory.path, 'private_key.b64'), refuseWarning);
  expect(await loadPublicKey(join(directory.path, 'public_key.b64'))).toMatchObject({ n: p * q });
});

test('a missing file is told with the command that makes it', async () => {
  await using directory = await temporaryDirectory();
  await expect(loadPublicKey(join(directory.path, 'public_key.b64'))).rejects.toThrow('colonies keys generate');
});

test('a directory or an endless file is no key', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'key'));
  await expect(loadPublicKey(join(directory.path, 'key'))).rejects.toThrow('expected a readable key file');
  await writeFile(join(directory.path, 'big'), 'A'.repeat(100_001));
  await expect(loadPublicKey(join(directory.path, 'big'))).rejects.toThrow('got a file of 100001 bytes');
});
