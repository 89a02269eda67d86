import { once } from 'node:events';
import { IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { generateIdentity } from '../../colony/identity.ts';
import { until } from '../support/processes.ts';
import { type Address, post, rpcRaw, urlOf } from '../support/rpc.ts';
import { assign, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** One GET, with headers as given. */
async function get({ host, port }: Address, path: string, headers: Record<string, string> = {}): Promise<Got> {
  const outgoing = request({ host, port, path, headers, agent: false }).end();
  const [incoming] = z.tuple([z.instanceof(IncomingMessage)]).parse(await once(outgoing, 'response'));
  const text = Buffer.concat(await incoming.toArray()).toString();
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
}

/** The value of one sample. */
async function metric(colony: TestColony, sample: string): Promise<number | undefined> {
  const { text } = await get(colony.address, '/metrics');
  const line = text.split('\n').find((found) => found.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

describe('GET /health', () => {
  test('is 200 and empty when all is well', async () => {
    await using colony = await startTestColony(quick);
    expect(await get(colony.address, '/health')).toMatchObject({ status: 200, text: '' });
  });

  test('of a database in memory is 200, too', async () => {
    await using colony = await startTestColony({ ...quick, databasePath: ':memory:' });
    expect(await get(colony.address, '/health')).toMatchObject({ status: 200, text: '' });
  });
});

describe('GET /metrics', () => {
  test('is in the text format of Prometheus', async () => {
    await using colony = await startTestColony(quick);
    await colony.submit({}, 'worker');
    const { status, headers, text } = await get(colony.address, '/metrics');
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
    });
    const [name, labels, value] = ['[a-z_]+', '(?:\\{[a-z]+="[^"\\n]*"(?:,[a-z]+="[^"\\n]*")*\\})?', '-?[0-9.e+-]+'];
    const sample = new RegExp(`^${name}${labels} ${value}$`, 'u');
    const lines = text.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(line.startsWith('#') ? /^# (?:HELP|TYPE) [a-z_]+ \S/u : sample);
    const helped = lines.filter((line) => line.startsWith('# HELP')).map((line) => line.split(' ')[2]);
    expect(new Set(helped).size).toBe(helped.length);
  });

  test('counts requests by type and status, and what they took', async () => {
    await using colony = await startTestColony(quick);
    await colony.submit({}, 'worker');
    await colony.submit({}, 'worker');
    await expect(colony.getProcess('0'.repeat(64))).rejects.toMatchObject({ status: 404 });
    expect(await metric(colony, 'colonies_requests_total{type="submitfuncspecmsg",status="200"}')).toBe(2);
    expect(await metric(colony, 'colonies_requests_total{type="getprocessmsg",status="404"}')).toBe(1);
    expect(await metric(colony, 'colonies_request_duration_seconds_count{type="submitfuncspecmsg"}')).toBe(2);
    expect(await metric(colony, 'colonies_request_duration_seconds_bucket{type="submitfuncspecmsg",le="+Inf"}')).toBe(
      2,
    );
    expect(await metric(colony, 'colonies_commit_duration_seconds_count')).toBeGreaterThan(2);
  });

  test('has no labels that clients make up', async () => {
    await using colony = await startTestColony(quick);
    for (const type of ['nosuchmsg', 'evil"} 1\n', '']) {
      await expect(rpcRaw(colony.address, colony.user, type, {})).rejects.toMatchObject({ status: 403 });
    }
    await post(colony.address, 'junk');
    const { text } = await get(colony.address, '/metrics');
    expect(text).not.toMatch(/nosuch|evil/u);
    expect(await metric(colony, 'colonies_requests_total{type="other",status="403"}')).toBe(3);
    expect(await metric(colony, 'colonies_requests_total{type="other",status="400"}')).toBe(1);
  });

  test('says what is stored, who waits and what is open', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await submitGraph(colony, 'worker', { a: [], b: ['a'] });
    await succeed(colony, executor, await assign(colony, executor));
    const waiting = assign(colony, await colony.addExecutor('other')).catch(() => undefined);
    await until(async () => (await metric(colony, 'colonies_waiting_polls')) === 1);
    expect(await metric(colony, 'colonies_processes{state="success"}')).toBe(1);
    expect(await metric(colony, 'colonies_processes{state="waiting"}')).toBe(1);
    expect(await metric(colony, 'colonies_workflows{state="running"}')).toBe(1);
    expect(await metric(colony, 'colonies_executors{state="approved"}')).toBe(2);
    expect(await metric(colony, 'colonies_connections')).toBeGreaterThanOrEqual(1);
    expect(await metric(colony, 'colonies_store_healthy')).toBe(1);
    expect(await metric(colony, 'colonies_database_bytes{file="log"}')).toBeGreaterThan(0);
    expect(await metric(colony, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
    await colony.server.stop();
    await waiting;
  });

  test('shows no secret, id or name', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const process = await colony.submit({ label: 'telling' }, 'worker');
    const { text } = await get(colony.address, '/metrics');
    const { user, colonyOwner, serverOwner } = colony;
    const keys = [user, colonyOwner, serverOwner, executor.identity].flatMap(({ id, privateKey }) => [id, privateKey]);
    for (const word of [...keys, executor.name, process.processId, 'telling']) expect(text).not.toContain(word);
  });

  test('is for this machine only, also when a proxy on it asks for somebody else, and not for web pages', async () => {
    await using colony = await startTestColony({ ...quick, host: '0.0.0.0', allowInsecure: true });
    const { port } = colony.server;
    const own = Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4');
    const here = { host: '127.0.0.1', port, tls: false };
    const local = await get(here, '/metrics');
    expect(local.status).toBe(200);
    expect(local.headers['access-control-allow-origin']).toBeUndefined();
    const proxied = { 'x-forwarded-for': '192.0.2.1' };
    expect((await get(here, '/metrics', proxied)).status).toBe(403);
    // A machine without any network has no other address to ask from.
    const { status } = own === undefined ? { status: 403 } : await get({ ...here, host: own.address }, '/metrics');
    expect(status).toBe(403);
  });

  test('is not for whoever asks this machine by another name, as a page does whose name was made to lead here', async () => {
    await using colony = await startTestColony(quick);
    const ask = (headers: Record<string, string>) => get(colony.address, '/metrics', headers);
    const { port } = colony.server;
    for (const host of [`localhost:${port}`, 'LOCALHOST', '127.0.0.1', `127.1.2.3:${port}`, `[::1]:${port}`, '[::1]']) {
      expect({ host, status: (await ask({ host })).status }).toEqual({ host, status: 200 });
    }
    const foreign = [
      `evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '192.0.2.1',
      '::1',
      '[::2]',
    ];
    for (const host of foreign) expect({ host, status: (await ask({ host })).status }).toEqual({ host, status: 403 });
    const refused = await ask({ host: 'evil.example' });
    expect(refused.text).toMatch(/^403 \/metrics: .*SEALED_COLONIES_METRICS_TOKEN=<token>/u);
    for (const name of ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']) {
      expect({ name, status: (await ask({ [name]: 'x' })).status }).toEqual({ name, status: 403 });
    }
  });

  test('with a token is for whoever shows it', async () => {
    await using colony = await startTestColony({ ...quick, metricsToken: 'a long word' });
    const ask = async (headers: Record<string, string>) => (await get(colony.address, '/metrics', headers)).status;
    expect(await ask({})).toBe(403);
    expect(await ask({ authorization: 'Bearer another word' })).toBe(403);
    expect(await ask({ authorization: 'Bearer a long word' })).toBe(200);
    expect(await ask({ authorization: 'Bearer a long word', host: 'metrics.example' })).toBe(200);
    expect(await ask({ authorization: 'Bearer a long word', 'x-forwarded-for': '192.0.2.1' })).toBe(200);
  });
});

describe('whoever asks too much', () => {
  test('as a member gets 429 and when to come back; others go on', async () => {
    await using colony = await startTestColony({ ...quick, rates: { memberRequestsPerSecond: 5 } });
    const read = () => rpcRaw(colony.address, colony.user, 'getcolonystatsmsg', { colonyname: 'test' });
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, read));
    const refused = outcomes.flatMap((outcome): unknown[] => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused.length).toBeGreaterThanOrEqual(20);
    expect(refused[0]).toMatchObject({
      status: 429,
      serverMessage: 'Too many requests with this key, expected at most 5 per second; try again later',
    });
    await expect(colony.addExecutor('worker')).resolves.toBeDefined();
    await until(() => read().then(Boolean, () => false));
  });

  test('without belonging here is refused by address, and members there still get through', async () => {
    await using colony = await startTestColony({ ...quick, rates: { strangerRequestsPerSecond: 5 } });
    const strange = async () => {
      const response = await fetch(urlOf(colony.address), { method: 'POST', body: '{"payloadtype":"getprocessmsg"}' });
      return { status: response.status, retryAfter: response.headers.get('retry-after') };
    };
    const answers = await Promise.all(Array.from({ length: 80 }, strange));
    expect(answers.filter(({ status }) => status === 403).length).toBeGreaterThanOrEqual(50);
    expect(answers).toContainEqual({ status: 429, retryAfter: '1' });
    await until(() => colony.submit({}, 'worker').then(Boolean, () => false));
    const stranger = generateIdentity();
    await until(async () => {
      const outcome = await rpcRaw(colony.address, stranger, 'getcolonystatsmsg', { colonyname: 'test' }).catch(String);
      return String(outcome).includes('not a member');
    });
  });
});
