import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { createColoniesClient, type ColoniesClient } from '../../colony/client.ts';
import { defineExecutor, rootFunction } from '../../colony/executor.ts';
import type { Process } from '../../colony/messages/processes.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { PaillierPublicKey, TutorialCiphertext } from '../../colony/values.ts';
import { startWorker, type Worker } from '../../colony/worker.ts';
import { encrypt } from '../../crypto/paillier/index.ts';
import { parseDataConfig } from '../../data/config.ts';
import { openDataset } from '../../data/dataset.ts';
import { cloud } from '../../executors/cloud/cloud.ts';
import { defineHospital } from '../../executors/hospital/hospital.ts';
import { testKeyPair } from '../support/keys.ts';
import { functionSpec, startTestColony, type TestColony } from '../support/test-colony.ts';

const { publicKey } = await testKeyPair(2048);
const otherKey = (await testKeyPair(3072)).publicKey;
const log = pino({ level: 'silent' });
const wireKey = z.encode(PaillierPublicKey, publicKey);

/** A party that says whatever a workflow tells it to say. */
const forger = defineExecutor({
  type: 'forger',
  functions: {
    say: rootFunction({
      description: 'Answers with its argument',
      kwargs: z.object({ text: z.string() }),
      output: z.string(),
      run: ({ kwargs }) => Promise.resolve(kwargs.text),
    }),
  },
});

let colony: TestColony;
let client: ColoniesClient;
const workers: Worker[] = [];

async function start(definition: Parameters<typeof startWorker>[0], type: string): Promise<void> {
  const { address: server, colonyName, colonyOwner: colonyIdentity } = colony;
  workers.push(await startWorker(definition, { server, colonyName, colonyIdentity, type, log, graceMs: 1000 }));
}

async function startHospital(type: string, config: object): Promise<void> {
  const origin = { name: `${type}.json`, baseDirectory: colony.directory };
  await start(defineHospital(await openDataset(parseDataConfig(config, origin))), type);
}

beforeAll(async () => {
  colony = await startTestColony();
  client = createColoniesClient({ server: colony.address, identity: colony.user });
  await writeFile(join(colony.directory, 'patients.csv'), 'age,ward,note,big\n40,a,x,1e9\n50,b,y,1e9\n60,a,z,1e9\n');
  await writeFile(join(colony.directory, 'empty.csv'), 'age,ward\n');
  const columns = '*';
  const csv = { kind: 'csv', path: 'patients.csv' };
  const open = { columns, acceptedKeys: '*' };
  await startHospital('hospital', { ...open, source: csv, groupColumns: ['ward'], minimumRows: 1 });
  await startHospital('choosy-hospital', { source: csv, columns, minimumRows: 1 });
  await startHospital('guarded-hospital', { ...open, source: csv });
  await startHospital('empty-hospital', { ...open, source: { kind: 'csv', path: 'empty.csv' } });
  await startHospital('number-hospital', { source: { kind: 'number', value: 5 } });
  await startHospital('unreachable-hospital', {
    ...open,
    source: { kind: 'postgres', url: 'postgres://reader@127.0.0.1:1/ward', table: 'patients', ssl: false },
  });
  await start(cloud, 'cloud');
  await start(forger, 'forger');
});

afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await colony.stop();
});

/** Runs one function and gives the finished process. */
async function run(executorType: string, functionName: string, kwargs: Record<string, unknown>): Promise<Process> {
  const spec = functionSpec(colony.colonyName, executorType, { functionName, kwargs, maxExecTimeSeconds: 3 });
  const { processId } = await client.submitFunctionSpec({ spec });
  return waitForProcess(client, { processId, timeoutMs: 20_000 });
}

/** Lets forgers say these texts to the cloud and gives the cloud's finished process. */
async function tellCloud(functionName: string, texts: readonly string[], kwargs: object = {}): Promise<Process> {
  const saying = texts.map((text, index) =>
    functionSpec(colony.colonyName, 'forger', { nodeName: `say ${index}`, functionName: 'say', kwargs: { text } }),
  );
  const summing = functionSpec(colony.colonyName, 'cloud', {
    nodeName: 'sum',
    functionName,
    kwargs: { 'paillier-pubkey': wireKey, ...kwargs },
    conditions: { dependencies: saying.map(({ nodeName }) => nodeName) },
  });
  const { colonyName } = colony;
  const workflow = await client.submitWorkflowSpec({ spec: { colonyName, functionSpecs: [...saying, summing] } });
  const processes = await Promise.all(workflow.processIds.map((processId) => client.getProcess({ processId })));
  const { processId = '' } = processes.find(({ spec }) => spec.nodeName === 'sum') ?? {};
  return waitForProcess(client, { processId, timeoutMs: 20_000 });
}

const one = (ciphertext: bigint): string => z.encode(TutorialCiphertext, ciphertext);

const say = async (plaintext: bigint): Promise<string> =>
  z.encode(TutorialCiphertext, await encrypt(publicKey, plaintext));

describe('a hospital refuses with one clear error, and goes on serving', () => {
  test.each([
    [
      'a missing column',
      'hospital',
      { columns: ['weight'] },
      /expected one of the columns "age", "ward", "note", "big", got "weight"/,
    ],
    [
      'a cell that is no number',
      'hospital',
      { columns: ['note'] },
      /column "note": expected decimal numbers, got a cell of other text/,
    ],
    ['an unknown query', 'hospital', { columns: ['age'], query: 'all' }, /expected one of the queries none, got "all"/],
    ['a data source without rows', 'empty-hospital', { columns: ['age'] }, /the selection has no value to sum/],
    ['fewer rows than its operator allows', 'guarded-hospital', { columns: ['age'] }, /fewer than 5 values/],
    [
      'a figure beyond the agreed magnitude',
      'hospital',
      { columns: ['big'] },
      /within "max-magnitude" 1000000000000000, got a larger one/,
    ],
    [
      'a bound that would let others search for a figure',
      'hospital',
      { columns: ['age'], 'max-magnitude': '100' },
      /kwargs.max-magnitude: expected one of 1000000000000000, 1000000000000000000, /,
    ],
    [
      'a bound between those that anybody may ask for',
      'hospital',
      { columns: ['big'], 'max-magnitude': '2000000000000000' },
      /kwargs.max-magnitude: expected one of/,
    ],
    [
      'grouping by a column that its operator did not allow for that',
      'hospital',
      { columns: ['age'], 'group-by': 'note', groups: ['x'] },
      /expected grouping by one of the columns "ward", got "note"/,
    ],
    [
      'a key that its operator does not accept',
      'choosy-hospital',
      { columns: ['age'] },
      /expected a public key that this hospital's operator accepts, got key [0-9a-f]{64}/,
    ],
    [
      'groups without a column',
      'hospital',
      { columns: ['age'], groups: ['a'] },
      /kwargs.groups: expected "group-by" and "groups" together/,
    ],
    ['no columns', 'hospital', {}, /kwargs.columns: expected array, got nothing/],
    ['a column twice', 'hospital', { columns: ['age', 'age'] }, /kwargs.columns: expected every column once/],
  ])('%s', async (_, type, kwargs, message) => {
    const refused = await run(type, 'get_statistics', { 'paillier-pubkey': wireKey, ...kwargs });
    expect(refused.state).toBe('failed');
    expect(refused.errors.join('\n')).toMatch(message);
    const served = await run('hospital', 'get_statistics', { 'paillier-pubkey': wireKey, columns: ['age'] });
    expect(served.state, served.errors.join('\n')).toBe('success');
  });

  test.each([
    ['no key', undefined, /kwargs.paillier-pubkey: expected/],
    ['text that is no key', 'aGVsbG8=', /kwargs.paillier-pubkey: expected base64 of \{"n"/],
    ['a short key', base64Key(2n ** 1023n + 1n), /expected a modulus of 2048 to \d+ bits, got 1024 bits/],
    ['an even modulus', base64Key(2n ** 2047n), /expected an odd modulus/],
  ])('%s', async (_, key, message) => {
    const refused = await run('number-hospital', 'get_patient_data', { 'paillier-pubkey': key });
    expect(refused.state).toBe('failed');
    expect(refused.errors.join('\n')).toMatch(message);
    const served = await run('number-hospital', 'get_patient_data', { 'paillier-pubkey': wireKey });
    expect(served.state).toBe('success');
  });

  test('a function it does not have', async () => {
    const refused = await run('number-hospital', 'get_everything', {});
    expect(refused.errors.join('\n')).toMatch(/get_patient_data, get_statistics/);
  });

  test('an unreachable database is tried again until the deadline, and the process says why it failed', async () => {
    const refused = await run('unreachable-hospital', 'get_statistics', {
      'paillier-pubkey': wireKey,
      columns: ['age'],
    });
    expect(refused.state).toBe('failed');
    const logs = await client.getLogs({
      colonyName: colony.colonyName,
      processId: refused.processId,
      executorName: '',
      count: 100,
      sinceNs: 0,
      latest: true,
    });
    expect([...refused.errors, ...logs.map(({ message }) => message)].join('\n')).toMatch(/127\.0\.0\.1:1/);
  });
});

describe('the cloud refuses with one clear error, and goes on serving', () => {
  test.each([
    ['zero', () => one(0n), /sum_patient_data: input 1: expected a number in \[1, n²\)/],
    ['n', () => one(publicKey.n), /sum_patient_data: input 1: expected/],
    ['n²', () => one(publicKey.n ** 2n), /sum_patient_data: input 1: expected a number in \[1, n²\)/],
    [
      'a ciphertext under a longer key',
      async () => one(await encrypt(otherKey, 5n)),
      /input 1: expected a number in \[1, n²\)/,
    ],
    ['an unmasked number', () => one(1n + 5n * publicKey.n), /input 1: expected a masked ciphertext/],
    ['text that is no ciphertext', () => 'aGVsbG8=', /inputs?.1: expected base64 of a decimal ciphertext/],
    ['text that is not base64', () => '{"v":1}', /inputs?.1: expected base64/],
  ])('%s', async (_, forge, message) => {
    const refused = await tellCloud('sum_patient_data', [await say(5n), await forge()]);
    expect(refused.state).toBe('failed');
    expect(refused.errors.join('\n')).toMatch(message);
    const served = await tellCloud('sum_patient_data', [await say(5n), await say(55n)]);
    expect(served.state, served.errors.join('\n')).toBe('success');
  });

  test('a vector that is cut short', async () => {
    const hospital = await run('hospital', 'get_statistics', { 'paillier-pubkey': wireKey, columns: ['age'] });
    const vector = z.looseObject({ data: z.string() }).parse(JSON.parse(z.string().parse(hospital.output[0])));
    const cut = JSON.stringify({ ...vector, data: vector.data.slice(0, -10) });
    const refused = await tellCloud('sum_statistics', [cut], { columns: ['age'] });
    expect(refused.errors.join('\n')).toMatch(/inputs?.0: /);
    expect(refused.state).toBe('failed');
  });
});

function base64Key(n: bigint): string {
  return Buffer.from(JSON.stringify({ n: n.toString() })).toString('base64');
}
