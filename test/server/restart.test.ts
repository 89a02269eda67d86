import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { openReply, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addExecutor, approveExecutor } from '../../colony/messages/executors.ts';
import { assignProcess, closeSuccessful, getProcess } from '../../colony/messages/processes.ts';
import { getWorkflow, submitWorkflowSpec } from '../../colony/messages/workflows.ts';
import { startServer } from '../../server/index.ts';
import { type Address, rpc } from '../support/rpc.ts';
import { assign, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { spawnServer } from '../support/server-process.ts';
import { executorRegistration, functionSpec, startTestColony } from '../support/test-colony.ts';
import certificate from '../vectors/loopback-certificate.json' with { type: 'json' };

const poll = { colonyName: 'test', timeoutSeconds: 10, availableCpu: '', availableMemory: '' };

/** A directory that is removed at the end. */
async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'server-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function optionsFor(directory: string, owner: Identity, user: Identity) {
  return {
    port: 0,
    databasePath: join(directory, 'data', 'server.db'),
    serverId: owner.id,
    bootstrap: { colony: { id: owner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] },
  };
}

function node(nodeName: string, ...dependencies: string[]) {
  return functionSpec('', 'worker', { nodeName, conditions: { dependencies } });
}

async function register(address: Address, owner: Identity) {
  const executor = { identity: generateIdentity(), name: 'w', type: 'worker' };
  await rpc(address, owner, addExecutor, { executor: executorRegistration('test', executor) });
  await rpc(address, owner, approveExecutor, { colonyName: 'test', executorName: 'w' });
  return executor;
}

test('a workflow survives the death of the server in its middle', async () => {
  await using directory = await temporaryDirectory();
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const options = optionsFor(directory.path, owner, user);
  const functionSpecs = [node('a'), node('b'), node('join', 'b', 'a')];

  const first = await spawnServer(options);
  const executor = await register(first.address, owner);
  const workflow = await rpc(first.address, user, submitWorkflowSpec, {
    spec: { colonyName: 'test', functionSpecs },
  });
  const a = await rpc(first.address, executor.identity, assignProcess, poll);
  await rpc(first.address, executor.identity, closeSuccessful, { processId: a.processId, output: ['A'] });
  const b = await rpc(first.address, executor.identity, assignProcess, poll);
  await first.end('SIGKILL');

  await using second = await spawnServer(options);
  expect(await rpc(second.address, user, getProcess, a)).toMatchObject({ state: 'success', output: ['A'] });
  expect(await rpc(second.address, user, getProcess, b)).toEqual(b);
  await rpc(second.address, executor.identity, closeSuccessful, { processId: b.processId, output: ['B'] });
  const joined = await rpc(second.address, executor.identity, assignProcess, poll);
  expect(joined.input).toEqual(['B', 'A']);
  await rpc(second.address, executor.identity, closeSuccessful, { processId: joined.processId, output: ['AB'] });
  expect(await rpc(second.address, user, getWorkflow, workflow)).toMatchObject({ state: 'success' });
});

test('whatever was answered is still there after the server died under load', async () => {
  await using directory = await temporaryDirectory();
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const options = optionsFor(directory.path, owner, user);
  const first = await spawnServer(options);
  const executor = await register(first.address, owner);
  const closed: string[] = [];
  const work = async () => {
    for (;;) {
      await rpc(first.address, user, submitWorkflowSpec, {
        spec: { colonyName: 'test', functionSpecs: [node('a')] },
      });
      const { processId } = await rpc(first.address, executor.identity, assignProcess, poll);
      await rpc(first.address, executor.identity, closeSuccessful, { processId, output: [processId] });
      closed.push(processId);
      if (closed.length === 20) await first.end('SIGKILL');
    }
  };
  await Promise.allSettled([work(), work(), work()]);
  await using second = await spawnServer(options);
  expect(closed.length).toBeGreaterThanOrEqual(20);
  for (const processId of closed) {
    const process = await rpc(second.address, user, getProcess, { processId });
    expect(process).toMatchObject({ state: 'success', output: [processId] });
    expect(await rpc(second.address, user, getWorkflow, process)).toMatchObject({ state: 'success' });
  }
});

describe('the database', () => {
  test('can be read by its owner only', async () => {
    await using colony = await startTestColony(quick);
    await colony.submit({}, 'worker');
    for (const suffix of ['', '-wal']) {
      const { mode } = await stat(`${colony.databasePath}${suffix}`);
      expect((mode & 0o777).toString(8)).toBe('600');
    }
  });

  test('belongs to one server at a time', async () => {
    await using colony = await startTestColony(quick);
    const again = { port: 0, databasePath: colony.databasePath, serverId: colony.serverOwner.id };
    const complaint = `server database: expected to be the only server on ${colony.databasePath}`;
    await expect(startServer(again)).rejects.toThrow(complaint);
    await expect(spawnServer(again)).rejects.toThrow(complaint);
    await colony.server.stop();
    await using other = await startServer(again);
    expect(other.port).toBeGreaterThan(0);
  });

  test('of a newer version is refused', async () => {
    await using colony = await startTestColony(quick);
    await colony.server.stop();
    const database = new Sqlite(colony.databasePath);
    database.pragma('user_version = 99');
    database.close();
    const again = { port: 0, databasePath: colony.databasePath, serverId: colony.serverOwner.id };
    await expect(startServer(again)).rejects.toThrow('use the newer server that wrote it');
  });

  test('with a colony under other keys is refused', async () => {
    await using colony = await startTestColony(quick);
    await colony.server.stop();
    const bootstrap = { colony: { id: generateIdentity().id, name: colony.colonyName }, users: [] };
    const again = { port: 0, databasePath: colony.databasePath, serverId: colony.serverOwner.id, bootstrap };
    await expect(startServer(again)).rejects.toThrow('expected colony "test" with the id of the given key');
  });
});

describe('the address', () => {
  test('must not expose plain HTTP unless that is allowed', async () => {
    await using directory = await temporaryDirectory();
    const [owner, user] = [generateIdentity(), generateIdentity()];
    const options = { ...optionsFor(directory.path, owner, user), host: '0.0.0.0' };
    await expect(startServer(options)).rejects.toThrow('expected TLS or the loopback interface');
    await using server = await startServer({ ...options, allowInsecure: true });
    expect(server.address).toMatchObject({ host: '0.0.0.0', tls: false });
  });

  test('that is taken is an error, and the database is free again', async () => {
    await using directory = await temporaryDirectory();
    await using colony = await startTestColony(quick);
    const options = optionsFor(directory.path, generateIdentity(), generateIdentity());
    await expect(startServer({ ...options, port: colony.server.port })).rejects.toThrow('EADDRINUSE');
    await using server = await startServer(options);
    expect(server.port).not.toBe(colony.server.port);
  });
});

test('with a key and a certificate it speaks HTTPS', async () => {
  await using colony = await startTestColony({ tls: certificate });
  const request = httpsRequest({
    host: '127.0.0.1',
    port: colony.server.port,
    path: '/api',
    method: 'POST',
    ca: certificate.cert,
    agent: false,
  });
  request.end(JSON.stringify(sealRequest('getserverinfomsg', {})));
  const [response] = z.tuple([z.instanceof(IncomingMessage)]).parse(await once(request, 'response'));
  const body = Buffer.concat(await response.toArray()).toString();
  expect(openReply('getserverinfomsg', body)).toMatchObject({ backends: [{ tls: true, port: colony.server.port }] });
});

test('a server whose database was deleted stops, and warns of what it could not do and where', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await using colony = await startTestColony({ log, sweepIntervalMs: 1_000_000 });
  await colony.addExecutor('worker');
  await rm(colony.directory, { recursive: true });
  await expect(colony.server.stop()).resolves.toBeUndefined();
  const warning = { level: 40, path: colony.databasePath, reason: 'attempt to write a readonly database' };
  expect(lines.map((line): unknown => JSON.parse(line))).toContainEqual(expect.objectContaining(warning));
});

test('every address of the loopback network may be plain HTTP', async () => {
  await using colony = await startTestColony({ host: '127.0.0.2' });
  expect(colony.address).toMatchObject({ host: '127.0.0.2', tls: false });
});

test('stopping ends long polls, may be repeated, and keeps everything', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const workflow = await submitGraph(colony, 'other', { a: [] });
  const waiting = assign(colony, executor).catch((thrown: unknown) => thrown);
  await expect(assign(colony, executor, { timeoutSeconds: -1 })).rejects.toMatchObject({ status: 404 });
  await Promise.all([colony.server.stop(), colony.server.stop()]);
  expect(await waiting).toMatchObject({ status: 404 });
  await colony.restart();
  expect(await colony.call(colony.user, getWorkflow, workflow)).toEqual(workflow);
  const process = await colony.submit({}, 'worker');
  expect(await assign(colony, executor)).toMatchObject({ processId: process.processId });
  await succeed(colony, executor, process);
});
