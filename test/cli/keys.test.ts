import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { decodePublicKey, saveKeyPair } from '../../cli/key-files.ts';
import { keyId } from '../../crypto/paillier/index.ts';
import { testKeyPair, testPrimes } from '../support/keys.ts';
import { run, temporaryDirectory } from './support.ts';

test('keys generate writes a key pair and shows nothing secret of it', async () => {
  await using directory = await temporaryDirectory();
  const argv = ['keys', 'generate', '--bits', '512', '--allow-short-key'];
  const { code, stdout, stderr } = await run(argv, { cwd: directory.path });
  expect(code).toBe(0);
  expect((await stat(join(directory.path, 'private_key.b64'))).mode & 0o777).toBe(0o600);
  const { n } = decodePublicKey(await readFile(join(directory.path, 'public_key.b64'), 'utf8'), 'file');
  expect(n.toString(2)).toHaveLength(512);
  const secret = await readFile(join(directory.path, 'private_key.b64'), 'utf8');
  expect(stdout + stderr).not.toContain(secret.trim().slice(0, 20));
  expect(stdout).toMatch(/KeyId +[0-9a-f]{64}\n/u);
  const again = await run(argv, { cwd: directory.path });
  expect(again).toMatchObject({ code: 1, stdout: '' });
  expect(again.stderr).toContain('private_key.b64: expected no file, got a key file that exists already');
  expect(await readFile(join(directory.path, 'private_key.b64'), 'utf8')).toBe(secret);
  const forced = await run([...argv, '--force', '--json'], { cwd: directory.path });
  expect(JSON.parse(forced.stdout)).toMatchObject({ bits: 512, keyId: expect.stringMatching(/^[0-9a-f]{64}$/u) });
  expect(await readFile(join(directory.path, 'private_key.b64'), 'utf8')).not.toBe(secret);
});

test.each([
  [
    ['--bits', '1024'],
    1,
    '--bits: expected at least 2048, got 1024; shorter keys can be broken: for tests there is --allow-short-key',
  ],
  [['--bits', '2049'], 1, 'got 2049'],
  [['--bits', '100'], 2, '--bits: expected a whole number of at least 256, got 100'],
])('keys generate refuses %j', async (flags, code, message) => {
  await using directory = await temporaryDirectory();
  const result = await run(['keys', 'generate', ...flags], { cwd: directory.path });
  expect(result).toMatchObject({ code, stdout: '' });
  expect(result.stderr).toContain(message);
});

test('keys show prints public facts and warns when others can read the private key', async () => {
  await using directory = await temporaryDirectory();
  const [p, q] = testPrimes(2048);
  await saveKeyPair(directory.path, { p, q });
  const { publicKey } = await testKeyPair(2048);
  const quiet = await run(['keys', 'show', '--json'], { cwd: directory.path });
  expect(quiet).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(quiet.stdout)).toMatchObject({ bits: 2048, keyId: keyId(publicKey), hasPrivateKey: true });
  expect(quiet.stdout).not.toContain(p.toString());
  await chmod(join(directory.path, 'private_key.b64'), 0o644);
  expect((await run(['keys', 'show'], { cwd: directory.path })).stderr).toContain('can be read by other users');
});

test('keys show tells of files that are no pair, and of no files', async () => {
  await using directory = await temporaryDirectory();
  expect((await run(['keys', 'show'], { cwd: directory.path })).stderr).toContain('colonies keys generate');
  const [p, q] = testPrimes(2048);
  await saveKeyPair(directory.path, { p, q });
  const [other, another] = testPrimes(1024);
  await writeFile(
    join(directory.path, 'public_key.b64'),
    Buffer.from(`{"n": "${other * another}"}`).toString('base64'),
  );
  const { code, stderr } = await run(['keys', 'show'], { cwd: directory.path });
  expect(code).toBe(1);
  expect(stderr).toContain('expected the private key of public_key.b64, got that of another key');
});

test('security generate makes an identity whose id security id finds again', async () => {
  const { stdout } = await run(['security', 'generate', '--json']);
  const { id, privateKey } = z.object({ id: z.string(), privateKey: z.string() }).parse(JSON.parse(stdout));
  expect(await run(['security', 'id', '--prvkey', privateKey])).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
  const env = { COLONIES_PRVKEY: privateKey };
  expect(await run(['security', 'id'], { env })).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
});
