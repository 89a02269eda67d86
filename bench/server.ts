import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { openReply, sealRequest } from '../colony/envelope.ts';
import { generateIdentity, type Identity } from '../colony/identity.ts';
import { addExecutor, approveExecutor } from '../colony/messages/executors.ts';
import type { Message } from '../colony/messages/message.ts';
import { assignProcess, closeSuccessful, getProcess, submitFunctionSpec } from '../colony/messages/processes.ts';
import { submitWorkflowSpec } from '../colony/messages/workflows.ts';
import { openDatabase } from '../server/store/database.ts';
import { spawnServer } from '../test/support/server-process.ts';
import { executorRegistration, functionSpec, type TestExecutor } from '../test/support/test-colony.ts';

/**
 * How fast is the embedded server? The server is a process of its own with its real store; this process is the client.
 *
 * 1. Processes per second: submit, assign and close of many processes by several connections. A client's signature
 *    takes longer than the server's whole answer, so requests are signed before the clock starts.
 * 2. Hop latency: from sending the close of a parent until the waiting poll of the child's executor has its answer.
 *
 * Beside each stands what any durable server costs here, measured in the same run: the same traffic against a bare HTTP
 * server that echoes, and one bare commit to disk, of which every hop needs one.
 */

const CONNECTIONS = 16;
const PROCESSES = 1500;
const WARM_UP = 500;
const HOPS = 200;
const COLONY = 'bench';

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS + 2 });

function post(port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', path: '/api', method: 'POST', agent }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function seal<Request>(identity: Identity, message: Message<Request>, wanted: Request, extra: object = {}): string {
  const inner = Object.assign({}, z.encode(message.request, wanted), extra);
  return JSON.stringify(sealRequest(message.type, inner, identity));
}

function open<Reply>(message: Message<unknown, Reply>, body: string): Reply {
  return z.decode(message.reply, openReply(message.type, body));
}

/** Sends all bodies over several connections at once; gives back the answers and the milliseconds. */
async function sendAll(port: number, bodies: readonly string[]): Promise<{ replies: string[]; elapsedMs: number }> {
  const replies: string[] = [];
  const startedAt = performance.now();
  const work = bodies.entries();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (const [index, body] of work) replies[index] = await post(port, body);
    }),
  );
  return { replies, elapsedMs: performance.now() - startedAt };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

interface Setting {
  readonly port: number;
  readonly user: Identity;
  readonly executors: readonly TestExecutor[];
}

const poll = { colonyName: COLONY, timeoutSeconds: 20, availableCpu: '', availableMemory: '' };

function spec(executorType: string, nodeName = '', dependencies: readonly string[] = []) {
  const kwargs = { 'paillier-pubkey': 'x'.repeat(1024) };
  return functionSpec(COLONY, executorType, { nodeName, kwargs, conditions: { dependencies } });
}

/** Milliseconds for submitting, assigning and closing all processes, one phase after the other. */
async function throughput(
  { port, user, executors }: Setting,
  run: string,
  processCount: number,
): Promise<{ phasesMs: number[]; bodies: string[] }> {
  const [executor] = executors;
  if (executor === undefined) throw new Error('bench: expected an executor, got none');
  const submits = Array.from({ length: processCount }, (_, index) =>
    seal(user, submitFunctionSpec, { spec: spec(executor.type) }, { nonce: `${run} ${index}` }),
  );
  const submitted = await sendAll(port, submits);
  const assigns = Array.from({ length: processCount }, () => seal(executor.identity, assignProcess, poll));
  const assigned = await sendAll(port, assigns);
  const closes = assigned.replies.map((reply, index) => {
    const { processId } = open(assignProcess, reply);
    return seal(
      executor.identity,
      closeSuccessful,
      { processId, output: ['y'.repeat(1024)] },
      { nonce: `${run} ${index}` },
    );
  });
  const closed = await sendAll(port, closes);
  for (const reply of closed.replies) open(closeSuccessful, reply);
  const phasesMs = [submitted.elapsedMs, assigned.elapsedMs, closed.elapsedMs];
  return { phasesMs, bodies: [...submits, ...assigns, ...closes] };
}

/** Milliseconds of each hop of two-node workflows, shortest first. */
async function hops({ port, user, executors }: Setting): Promise<number[]> {
  const [parent, child] = executors;
  if (parent === undefined || child === undefined) throw new Error('bench: expected two executors, got fewer');
  const functionSpecs = [spec(parent.type, 'parent'), spec(child.type, 'child', ['parent'])];
  const durations: number[] = [];
  for (let hop = 0; hop < HOPS; hop++) {
    const workflow = { spec: { colonyName: COLONY, functionSpecs } };
    open(submitWorkflowSpec, await post(port, seal(user, submitWorkflowSpec, workflow, { nonce: `hop ${hop}` })));
    const { processId } = open(assignProcess, await post(port, seal(parent.identity, assignProcess, poll)));
    const waiting = post(port, seal(child.identity, assignProcess, poll));
    const close = seal(parent.identity, closeSuccessful, { processId, output: ['y'.repeat(1024)] });
    // The answer to a later request tells that the poll before it is waiting by now.
    await post(port, seal(child.identity, getProcess, { processId }));
    const startedAt = performance.now();
    const closed = post(port, close);
    const started = await waiting;
    durations.push(performance.now() - startedAt);
    await closed;
    const { processId: childId } = open(assignProcess, started);
    await post(port, seal(child.identity, closeSuccessful, { processId: childId, output: [] }));
  }
  return durations.sort((left, right) => left - right);
}

/** A bare HTTP server that sends back what it gets, as a process of its own. */
async function spawnEcho(): Promise<{ port: number; end: () => void }> {
  const program = `require('node:http')
    .createServer((request, response) => request.pipe(response))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { port: Number(String(line)), end: () => child.kill() };
}

/** Milliseconds of single durable commits of 3 kB, shortest first. */
function commits(path: string): number[] {
  const database = openDatabase(path);
  const durations = Array.from({ length: HOPS }, (_, index) => {
    const startedAt = performance.now();
    database.transaction(() =>
      database.run('INSERT INTO colonies VALUES (?, ?, 0)', `${index}`, `${index}${'x'.repeat(3000)}`),
    );
    return performance.now() - startedAt;
  });
  database.close();
  return durations.sort((left, right) => left - right);
}

async function roundTrips(port: number, body: string): Promise<number[]> {
  const durations: number[] = [];
  for (let trip = 0; trip < HOPS; trip++) {
    const startedAt = performance.now();
    await post(port, body);
    durations.push(performance.now() - startedAt);
  }
  return durations.sort((left, right) => left - right);
}

async function registerExecutors(port: number, owner: Identity): Promise<TestExecutor[]> {
  const executors = ['hospital', 'cloud'].map((type) => ({ type, name: type, identity: generateIdentity() }));
  for (const executor of executors) {
    await post(port, seal(owner, addExecutor, { executor: executorRegistration(COLONY, executor) }));
    await post(port, seal(owner, approveExecutor, { colonyName: COLONY, executorName: executor.name }));
  }
  return executors;
}

function rate(elapsedMs: number): string {
  return ((PROCESSES * 1000) / elapsedMs).toFixed(0);
}

function row(server: string, baseline: string, ratio: number): Record<string, string> {
  return { server, baseline, ratio: ratio.toFixed(1) };
}

function hopRow(share: number, hop: readonly number[], echo: readonly number[], commit: readonly number[]) {
  const [own, trip, disk] = [quantile(hop, share), quantile(echo, share), quantile(commit, share)];
  const baseline = `${milliseconds(trip)} echo + ${milliseconds(disk)} commit`;
  return [`hop, p${share * 100}`, row(milliseconds(own), baseline, own / (trip + disk))] as const;
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}

async function measure(
  setting: Setting,
  echoPort: number,
  directory: string,
): Promise<Record<string, Record<string, string>>> {
  await throughput(setting, 'warm-up', WARM_UP);
  const { phasesMs, bodies } = await throughput(setting, 'measured', PROCESSES);
  const totalMs = phasesMs.reduce((sum, phase) => sum + phase, 0);
  const echoMs = (await sendAll(echoPort, bodies)).elapsedMs;
  const [hop, echo] = [await hops(setting), await roundTrips(echoPort, bodies[0] ?? '')];
  const commit = commits(join(directory, 'commits.db'));
  return {
    'processes per second': row(rate(totalMs), rate(echoMs), totalMs / echoMs),
    ...Object.fromEntries(
      ['submits', 'assigns', 'closes'].map((name, phase) => [
        `  ${name} per second`,
        row(rate(phasesMs[phase] ?? 0), rate(echoMs / 3), ((phasesMs[phase] ?? 0) * 3) / echoMs),
      ]),
    ),
    ...Object.fromEntries([0.5, 0.95].map((share) => hopRow(share, hop, echo, commit))),
  };
}

const directory = await mkdtemp(join(tmpdir(), 'bench-server-'));
const [owner, user] = [generateIdentity(), generateIdentity()];
const server = await spawnServer({
  port: 0,
  databasePath: join(directory, 'server.db'),
  serverId: owner.id,
  bootstrap: { colony: { id: owner.id, name: COLONY }, users: [{ id: user.id, name: 'user' }] },
});
const echo = await spawnEcho();
try {
  const executors = await registerExecutors(server.address.port, owner);
  console.table(await measure({ port: server.address.port, user, executors }, echo.port, directory));
} finally {
  agent.destroy();
  echo.end();
  await server.end('SIGTERM');
  await rm(directory, { recursive: true, force: true });
}
