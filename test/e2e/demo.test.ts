import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { openDesk, until } from '../support/processes.ts';

const DIRECTORY = /^sealed-colonies-demo-/u;

test('the demonstration computes the sum 60 and the figures of four hospitals, and tells who learned what', async () => {
  await using desk = await openDesk();
  const { exitCode, stdout, stderr } = await desk.run(['demo', '--column', 'thalach', '--bits', '2048']);
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('The sum of all patient data is: 60\n');
  expect(stdout).toMatch(/patients with a value\s+865\s+865/);
  expect(stdout).toMatch(/the cloud\s+that four hospitals answered\s+any figure, the private key/);
});

test('an interrupted demonstration ends what it started and removes its files', async () => {
  await using desk = await openDesk();
  const before = await temporaryDirectories();
  const running = desk.start(['demo', '--bits', '2048', '--verbose']);
  await until(() => running.stderr().includes('generating a Paillier key'), running.stderr);
  const children = [...running.stderr().matchAll(/as process (\d+)/gu)].map(([, pid]) => Number(pid));
  expect(children).toHaveLength(4);
  await running.end('SIGINT');
  expect(children.filter(isAlive)).toEqual([]);
  expect(await temporaryDirectories()).toEqual(before);
});

async function temporaryDirectories(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => DIRECTORY.test(name));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
