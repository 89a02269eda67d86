import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openReply, sealRequest } from '../../colony/envelope.ts';
import { generateIdentity, type Identity } from '../../colony/identity.ts';
import { addExecutor, approveExecutor, getExecutors } from '../../colony/messages/executors.ts';
import { closeSuccessful, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { until } from '../support/processes.ts';
import { type Address, rpc, urlOf } from '../support/rpc.ts';
import { spawnServer } from '../support/server-process.ts';
import { executorRegistration, functionSpec } from '../support/test-colony.ts';

const CROWD = 1000;
/** Of polls and WebSockets together; 40 kB each. */
const MOST_GROWTH_BYTES = 80 * 2 ** 20;

/** One sample of what the server measures. */
async function measure(address: Address, sample: string): Promise<number> {
  const text = await fetch(urlOf(address, '/metrics')).then((response) => response.text());
  const line = text.split('\n').find((found) => found.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1));
}

/** Posts a body on a connection of its own. */
async function postAlone({ host, port }: Address, body: string, agent: Agent): Promise<string> {
  const outgoing = request({ host, port, path: '/api', method: 'POST', agent }).end(body);
  const [incoming] = await once(outgoing, 'response');
  return Buffer.concat(await incoming.toArray()).toString();
}

async function subscribe({ host, port }: Address, user: Identity): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${host}:${port}/pubsub`);
  await once(socket, 'open');
  const inner = { colonyname: 'test', executortype: 'worker', state: 2, timeout: 600 };
  socket.send(JSON.stringify(sealRequest('subscribeprocessesmsg', inner, user)));
  return socket;
}

test(`${CROWD} waiting polls and ${CROWD} subscriptions at the same time are all served, in little memory`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'crowd-'));
  const [owner, user] = [generateIdentity(), generateIdentity()];
  const executor = { identity: generateIdentity(), name: 'w', type: 'worker' };
  const bootstrap = { colony: { id: owner.id, name: 'test' }, users: [{ id: user.id, name: 'user' }] };
  const options = { port: 0, databasePath: join(directory, 'server.db'), serverId: owner.id, bootstrap };
  await using server = await spawnServer(options);
  const { address } = server;
  await rpc(address, owner, addExecutor, { executor: executorRegistration('test', executor) });
  await rpc(address, owner, approveExecutor, { colonyName: 'test', executorName: 'w' });
  // What a server grows by under its first load, with the threads that it then starts, is not the crowd's.
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(Array.from({ length: 200 }, () => rpc(address, user, getExecutors, { colonyName: 'test' })));
  }
  const memoryBefore = await measure(address, 'process_resident_memory_bytes');

  const agent = new Agent({ maxSockets: CROWD });
  const poll = { colonyname: 'test', timeout: 600 };
  const polls = Array.from({ length: CROWD }, () =>
    postAlone(address, JSON.stringify(sealRequest('assignprocessmsg', poll, executor.identity)), agent),
  );
  const sockets = await Promise.all(Array.from({ length: CROWD }, () => subscribe(address, user)));
  const told = sockets.map(() => new Set<string>());
  for (const [index, socket] of sockets.entries()) {
    socket.on('message', (data) => {
      const event = openReply('subscribeprocessmsg', Buffer.isBuffer(data) ? data.toString() : '');
      told[index]?.add(JSON.stringify(event, ['processid', 'state']));
    });
  }
  await until(async () => (await measure(address, 'colonies_waiting_polls')) === CROWD);
  await until(async () => (await measure(address, 'colonies_subscriptions')) === CROWD);
  const growth = (await measure(address, 'process_resident_memory_bytes')) - memoryBefore;
  expect(growth).toBeLessThan(MOST_GROWTH_BYTES);

  for (let count = 0; count < CROWD; count += 100) {
    await Promise.all(
      Array.from({ length: 100 }, () =>
        rpc(address, user, submitFunctionSpec, { spec: functionSpec('test', 'worker') }),
      ),
    );
  }
  const assigned = await Promise.all(polls);
  const processIds = assigned.map((body) => String(Object(openReply('assignprocessmsg', body)).processid));
  expect(new Set(processIds).size).toBe(CROWD);

  const closed = processIds.slice(0, 20);
  for (const processId of closed) await rpc(address, executor.identity, closeSuccessful, { processId, output: [] });
  await until(() => told.every(({ size }) => size === closed.length));
  const events = JSON.stringify(closed.map((processid) => JSON.stringify({ processid, state: 2 })).sort());
  expect(told.filter((seen) => JSON.stringify([...seen].sort()) !== events)).toEqual([]);
  expect((await measure(address, 'process_resident_memory_bytes')) - memoryBefore).toBeLessThan(2 * MOST_GROWTH_BYTES);

  for (const socket of sockets) socket.terminate();
  agent.destroy();
  await until(async () => (await measure(address, 'colonies_subscriptions')) === 0);
  await server.end('SIGTERM');
  await rm(directory, { recursive: true });
});
