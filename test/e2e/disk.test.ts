import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { addExecutor, approveExecutor } from '../../colony/messages/executors.ts';
import { assignProcess, closeSuccessful, getProcess, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { until } from '../support/processes.ts';
import { type Address, rpc, urlOf } from '../support/rpc.ts';
import { type ServerProcess, spawnServer } from '../support/server-process.ts';
import { executorRegistration, functionSpec } from '../support/test-colony.ts';

/** Keeps a process from making any file longer than this (util-linux). */
function limitFiles({ pid }: ServerProcess, bytes: number | 'unlimited'): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
}

async function health(address: Address): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(urlOf(address, '/health'));
  return { status: response.status, text: await response.text() };
}

test('while nothing can be written, changes are refused, reads go on, and nothing is half done; then all goes on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'disk-'));
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const executor = { identity: generateIdentity(), name: 'w', type: 'worker' };
  const databasePath = join(directory, 'server.db');
  const bootstrap = { colony: { id: owner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] };
  const options = { port: 0, databasePath, serverId: owner.id, sweepIntervalMs: 50, bootstrap };
  let server = await spawnServer(options);
  const submit = (text: string) =>
    rpc(server.address, user, submitFunctionSpec, { spec: functionSpec('test', 'worker', { args: [text] }) });
  const poll = { colonyName: 'test', timeoutSeconds: 10, availableCpu: '', availableMemory: '' };
  await rpc(server.address, owner, addExecutor, { executor: executorRegistration('test', executor) });
  await rpc(server.address, owner, approveExecutor, { colonyName: 'test', executorName: 'w' });
  const running = await submit('running');
  await rpc(server.address, executor.identity, assignProcess, poll);
  const waiting = await submit('waiting');
  expect(await health(server.address)).toEqual({ status: 200, text: '' });

  limitFiles(server, 4096);
  const refused = { status: 503, serverMessage: expect.stringContaining('nothing was changed, try again later') };
  await expect(submit('refused')).rejects.toMatchObject(refused);
  const together = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => submit(`refused ${index}`)));
  expect(together.every(({ status }) => status === 'rejected')).toBe(true);
  await expect(
    rpc(server.address, executor.identity, closeSuccessful, { processId: running.processId, output: ['x'] }),
  ).rejects.toMatchObject(refused);
  await expect(rpc(server.address, executor.identity, assignProcess, poll)).rejects.toMatchObject(refused);
  const read = ({ processId }: { readonly processId: string }) => rpc(server.address, user, getProcess, { processId });
  expect(await read(running)).toMatchObject({ state: 'running', output: [] });
  expect(await read(waiting)).toMatchObject({ state: 'waiting' });
  const trouble = 'The server cannot store anything: its database cannot be written\n';
  await until(async () => (await health(server.address)).status === 503);
  expect(await health(server.address)).toEqual({ status: 503, text: trouble });

  limitFiles(server, 'unlimited');
  await rpc(server.address, executor.identity, closeSuccessful, { processId: running.processId, output: ['x'] });
  expect(await rpc(server.address, executor.identity, assignProcess, poll)).toMatchObject({
    processId: waiting.processId,
  });
  await until(async () => (await health(server.address)).status === 200);

  limitFiles(server, 4096);
  await expect(submit('lost')).rejects.toMatchObject(refused);
  await server.end('SIGKILL');
  server = await spawnServer(options);
  expect(await read(running)).toMatchObject({ state: 'success', output: ['x'] });
  expect(await read(waiting)).toMatchObject({ state: 'running' });
  await expect(
    rpc(server.address, executor.identity, assignProcess, { ...poll, timeoutSeconds: -1 }),
  ).rejects.toMatchObject({ status: 404 });
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});
