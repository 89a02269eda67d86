import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePublicKey, saveKeyPair } from '../../cli/key-files.ts';
import { assignProcess, closeFailed, closeSuccessful } from '../../colony/messages/processes.ts';
import { encrypt } from '../../crypto/paillier/index.ts';
import { testKeyPair, testPrimes } from '../support/keys.ts';
import type { TestExecutor } from '../support/test-colony.ts';
import { type CliColony, startCliColony, temporaryDirectory } from './support.ts';

let cli: CliColony;
let executor: TestExecutor;
beforeAll(async () => {
  cli = await startCliColony();
  executor = await cli.colony.addExecutor('cloud');
  const [p, q] = testPrimes(2048);
  await saveKeyPair(cli.colony.directory, { p, q });
});
afterAll(() => cli[Symbol.asyncDispose]());

const publicKeyText = (): string => {
  const [p, q] = testPrimes(2048);
  return encodePublicKey({ n: p * q });
};

/** A process of the tutorial's cloud that has closed with this output, or failed without one. */
async function finished(
  output: readonly string[] | undefined,
  functionName = 'sum_patient_data',
  nodeName = '',
): Promise<string> {
  const { colony } = cli;
  await colony.submit({ functionName, nodeName, kwargs: { 'paillier-pubkey': publicKeyText() } }, 'cloud');
  const request = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
  const { processId } = await colony.call(executor.identity, assignProcess, request);
  if (output === undefined) await colony.call(executor.identity, closeFailed, { processId, errors: ['no data'] });
  else await colony.call(executor.identity, closeSuccessful, { processId, output });
  return processId;
}

async function ciphertextOf(plaintext: bigint): Promise<string> {
  const { publicKey } = await testKeyPair(2048);
  return Buffer.from((await encrypt(publicKey, plaintext)).toString()).toString('base64');
}

test('decrypt prints the sentence of the tutorial', async () => {
  const processId = await finished([await ciphertextOf(60n)]);
  expect(await cli.run(['decrypt', processId])).toEqual({
    code: 0,
    stdout: 'The sum of all patient data is: 60\n',
    stderr: '',
  });
  expect(await cli.json(['decrypt', processId])).toEqual({ processId, kind: 'sum', sum: '60' });
});

test('the number of one hospital is not called the sum', async () => {
  const processId = await finished([await ciphertextOf(55n)], 'get_patient_data', 'r1:get_patient_data');
  expect((await cli.run(['decrypt', processId])).stdout).toBe('The number of node "r1:get_patient_data" is: 55\n');
  const document = { processId, kind: 'number', nodeName: 'r1:get_patient_data', number: '55' };
  expect(await cli.json(['decrypt', processId])).toEqual(document);
});

test('sums may be negative, and longer than any number type', async () => {
  const sum = -(2n ** 200n);
  const processId = await finished([await ciphertextOf(sum)]);
  expect((await cli.run(['decrypt', processId])).stdout).toBe(`The sum of all patient data is: ${sum}\n`);
});

test('the private key of another key pair is refused, and nothing of it is shown', async () => {
  await using directory = await temporaryDirectory();
  const [p, q] = testPrimes(3072);
  const { privateKeyPath } = await saveKeyPair(directory.path, { p, q });
  const { code, stdout, stderr } = await cli.run([
    'decrypt',
    await finished([await ciphertextOf(60n)]),
    '--key',
    privateKeyPath,
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/expected the private key of public key [0-9a-f]{16}…, got that of [0-9a-f]{16}…/u);
  expect(stderr).not.toContain(p.toString().slice(0, 20));
});

test.each<[string, readonly string[] | undefined, RegExp]>([
  ['failed', undefined, /expected a successful process, got a failed one\n {2}no data\n/u],
  ['closed without output', [], /expected an encrypted output, got none/u],
  ['closed with something else', ['hello'], /output: expected base64 of a decimal ciphertext|output: expected base64/u],
  ['closed with zero', [Buffer.from('0').toString('base64')], /process [0-9a-f]{64}: /u],
])('a process that has %s gives one clear error', async (_what, output, message) => {
  const { code, stdout, stderr } = await cli.run(['decrypt', await finished(output)]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test('a process that has not finished is told how to be waited for', async () => {
  const { processId } = await cli.colony.submit({ functionName: 'sum_patient_data' }, 'nobody');
  const { code, stderr } = await cli.run(['decrypt', processId]);
  expect(code).toBe(1);
  expect(stderr).toContain(`got a waiting one; wait for it with "colonies process wait ${processId}"`);
});

test('an unknown process id is an error of the user', async () => {
  const { code, stderr } = await cli.run(['decrypt', 'a'.repeat(64)]);
  expect(code).toBe(1);
  expect(stderr).toBe(`error: process ${'a'.repeat(64)}: unknown to the server\n`);
});

test('without a private key there is nothing to decrypt with', async () => {
  await using directory = await temporaryDirectory();
  const { code, stderr } = await cli.run(['decrypt', 'a'.repeat(64)], { cwd: directory.path });
  expect(code).toBe(1);
  expect(stderr).toContain(
    'private_key.b64: expected a key file, got none; create a key pair with "colonies keys generate"',
  );
});
