import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDesk, until } from '../support/processes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TSX = ['--import', import.meta.resolve('tsx')];
const SPEC = join(ROOT, 'workflows', 'hospital-sum', 'workflow.json');

test("the tutorial's moves, each typed in a terminal of its own, end in the sum 60", async () => {
  await using desk = await openDesk();
  await desk.startServer();
  const hospitals = [
    desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '5']),
    desk.startProgram([...TSX, join(ROOT, 'executors/hospital/main.ts'), 'r1-hospital_executor', '55']),
  ];
  const cloud = desk.start(['executor', 'start', 'cloud']);
  expect(await desk.run(['keys', 'generate', '--bits', '2048'])).toMatchObject({ exitCode: 0 });
  expect((await stat(join(desk.directory, 'private_key.b64'))).mode & 0o777).toBe(0o600);

  const submitted = await desk.run(['workflow', 'submit', '--spec', SPEC, '--wait']);
  expect(submitted, submitted.stderr).toMatchObject({ exitCode: 0 });
  const processId = /[0-9a-f]{64}(?=\s*$)/u.exec(submitted.stdout)?.[0] ?? '';

  const sum = 'The sum of all patient data is: 60\n';
  expect(await desk.run(['decrypt', processId])).toMatchObject({ exitCode: 0, stdout: sum });
  const standalone = desk.startProgram([...TSX, join(ROOT, 'cli/decrypt.ts'), processId]);
  expect(await standalone.outcome).toMatchObject({ exitCode: 0, stdout: sum });

  for (const daemon of [...hospitals, cloud]) {
    expect(await daemon.end('SIGTERM')).toMatchObject({ exitCode: 0 });
  }
  const executors = await desk.run(['executor', 'ls', '--json']);
  expect(executors.stdout).not.toContain('r1-hospital_executor');
});

test('submitting shows the ids of the workflow and of every process by node name', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  await desk.run(['keys', 'generate', '--bits', '2048']);
  const { stdout } = await desk.run(['workflow', 'submit', '--spec', SPEC]);
  for (const node of ['r1:get_patient_data', 'r2:get_patient_data', 'cloud:sum_patient_data']) {
    expect(stdout).toMatch(new RegExp(`${node}.*[0-9a-f]{64}|[0-9a-f]{64}.*${node}`));
  }
});

test('a spec that already carries a public key keeps it, and another private key cannot read the result', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  desk.start(['executor', 'start', 'hospital', 'r2-hospital_executor', '5']);
  desk.start(['executor', 'start', 'hospital', 'r1-hospital_executor', '55']);
  desk.start(['executor', 'start', 'cloud']);
  await desk.run(['keys', 'generate', '--bits', '2048', '--out', 'own']);
  await desk.run(['keys', 'generate', '--bits', '2048', '--out', 'other']);
  const publicKey = (await readFile(join(desk.directory, 'own', 'public_key.b64'), 'utf8')).trim();
  const spec = (await readFile(SPEC, 'utf8')).replaceAll('${public_key}', publicKey);
  await writeFile(join(desk.directory, 'workflow.json'), spec);

  const submitted = await desk.run(['workflow', 'submit', '--spec', 'workflow.json', '--wait']);
  const processId = /[0-9a-f]{64}(?=\s*$)/u.exec(submitted.stdout)?.[0] ?? '';
  const own = await desk.run(['decrypt', processId, '--key', join('own', 'private_key.b64')]);
  expect(own.stdout).toBe('The sum of all patient data is: 60\n');
  const other = await desk.run(['decrypt', processId, '--key', join('other', 'private_key.b64')]);
  expect(other).toMatchObject({ exitCode: 1, stdout: '' });
  expect(other.stderr).toMatch(/expected the private key of public key/);
});

test('an interrupted daemon that is idle ends at once and leaves no executor behind', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  const cloud = desk.start(['executor', 'start', 'cloud']);
  await until(async () => (await desk.run(['executor', 'ls', '--json'])).stdout.includes('cloud-hospital-executor'));
  expect(await cloud.end('SIGINT')).toMatchObject({ exitCode: 0 });
  expect((await desk.run(['executor', 'ls', '--json'])).stdout).not.toContain('cloud-hospital-executor');
});
