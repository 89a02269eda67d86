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
  const temporary = async (): Promise<string[]> => (await readdir(tmpdir())).filter((name) => DIRECTORY.test(name));
  const before = await temporary();
  const running = desk.start(['demo', '--bits', '2048']);
  await until(() => running.stderr().includes('generating a Paillier key'), running.stderr);
  const children = await childrenOf(running.child.pid ?? 0);
  expect(children.length).toBeGreaterThanOrEqual(4);
  await running.end('SIGINT');
  expect(children.filter(isAlive)).toEqual([]);
  expect(await temporary()).toEqual(before);
});

async function childrenOf(parent: number): Promise<number[]> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/u).map(Number))
    .flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
