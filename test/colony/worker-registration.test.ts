import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { UserError } from '../../colony/errors.ts';
import { generateIdentity } from '../../colony/identity.ts';
import {
  addExecutor,
  approveExecutor,
  getExecutors,
  getFunctions,
  rejectExecutor,
} from '../../colony/messages/executors.ts';
import { until } from '../support/processes.ts';
import { executorRegistration, type TestColony } from '../support/test-colony.ts';
import { forward, forwardAndReset, refuse, startScriptedServer } from './scripted-server.ts';
import { echo, openStage, type Stage, TYPE } from './daemons.ts';

const test = base.extend<{ stage: Stage }>({
  stage: async ({}, use) => {
    await using stage = await openStage();
    await use(stage);
  },
});

async function executorsOf(colony: TestColony): Promise<ReadonlyMap<string, string | undefined>> {
  const executors = await colony.call(colony.user, getExecutors, { colonyName: colony.colonyName });
  return new Map(executors.map(({ executorName, state }) => [executorName, state]));
}

describe('a daemon with the key of the colony owner', () => {
  test('registers and approves itself under a name of its own', async ({ stage: { colony, start } }) => {
    const [one, other] = [await start(echo), await start(echo)];
    await Promise.all([one.ready, other.ready]);
    expect(one.name).toMatch(new RegExp(`^${TYPE}-.*-[0-9a-f]{10}$`));
    expect(one.name).not.toBe(other.name);
    expect(await executorsOf(colony)).toEqual(new Map([one.name, other.name].map((name) => [name, 'approved'])));
  });

  test('says which functions it runs, with their arguments', async ({ stage: { colony, start } }) => {
    const worker = await start(echo);
    await worker.ready;
    const { colonyName, user } = colony;
    const functions = await colony.call(user, getFunctions, { colonyName, executorName: worker.name });
    expect(functions).toHaveLength(2);
    expect(functions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          functionName: 'repeat',
          description: 'Gives back a text.',
          args: [
            { name: 'text', type: 'string', description: 'what to give back', required: true },
            { name: 'times', type: 'integer', required: false },
            { name: 'end', type: 'string', required: false, enum: ['.', '!'] },
          ].map((argument) => expect.objectContaining(argument)),
        }),
        expect.objectContaining({ functionName: 'join', description: 'Joins the texts of its parents.', args: [] }),
      ]),
    );
  });

  test('unregisters when it stops', async ({ stage: { colony, start } }) => {
    const worker = await start(echo);
    await worker.ready;
    await worker.stop();
    expect((await executorsOf(colony)).get(worker.name)).toBe('unregistered');
  });

  test('may register as another executor type, under a chosen name', async ({ stage: { colony, start } }) => {
    const worker = await start(echo, { type: 'r2-hospital_executor', name: 'hospital-2' });
    await worker.ready;
    const [executor] = await colony.call(colony.user, getExecutors, { colonyName: colony.colonyName });
    expect(executor).toMatchObject({ executorName: 'hospital-2', executorType: 'r2-hospital_executor' });
  });

  test('refuses a name that somebody has, and says what to do', async ({ stage: { start } }) => {
    await start(echo, { name: 'taken' });
    await expect(start(echo, { name: 'taken' })).rejects.toThrow(
      /executor name taken: expected one that the colony never had/,
    );
  });

  test('does not mistake its own registration, whose answer was lost, for somebody else', async ({ stage }) => {
    const { colony, start } = stage;
    await using proxy = await startScriptedServer([
      forward(colony.address),
      forwardAndReset(colony.address),
      refuse(400, 'Executor with name <mine> in Colony <test> already exists'),
      forward(colony.address),
    ]);
    const worker = await start(echo, { server: proxy.address, identity: generateIdentity(), name: 'mine' });
    await worker.ready;
    expect(await executorsOf(colony)).toEqual(new Map([['mine', 'approved']]));
  });

  test('refuses names and numbers that make no sense', async ({ stage: { start } }) => {
    await expect(start(echo, { name: 'a:b' })).rejects.toThrow(
      'executor name: expected a text without colons, got "a:b"',
    );
    await expect(start(echo, { type: '' })).rejects.toThrow('executor type: expected a text without colons');
    await expect(start(echo, { concurrency: 0 })).rejects.toThrow('concurrency: expected a number from 1');
    await expect(start(echo, { pollTimeoutSeconds: 60 })).rejects.toThrow(
      'pollTimeoutSeconds: expected a number from 1 to 10',
    );
  });

  test('that is started before its server says what it waits for', async ({ stage: { colony, logs, start } }) => {
    const { port, host } = colony.address;
    await colony.server.stop();
    const starting = start(echo);
    await until(() => logs.mention('waiting for the Colonies server at', `http://${host}:${port}`));
    await colony.restart();
    await (
      await starting
    ).ready;
  });

  test('with the wrong key is told so at once', async ({ stage: { start } }) => {
    await expect(start(echo, { colonyIdentity: generateIdentity() })).rejects.toMatchObject({ status: 403 });
  });
});

describe('a daemon without the key of the colony owner', () => {
  const identity = generateIdentity();
  const hospital = { identity, name: 'hospital-by-hand', type: TYPE };
  const withoutOwner = { identity, colonyIdentity: undefined };

  test('says how to add and approve it, waits, and works under the name it was given', async ({
    stage: { colony, logs, run, start },
  }) => {
    const worker = await start(echo, withoutOwner);
    await until(() => logs.mention('colonies executor add --name', identity.id));
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colony.colonyName, hospital) });
    await until(() => logs.mention('colonies executor approve --name hospital-by-hand'));
    await colony.call(colony.colonyOwner, approveExecutor, {
      colonyName: colony.colonyName,
      executorName: hospital.name,
    });
    await worker.ready;
    expect(worker.name).toBe('hospital-by-hand');
    expect((await run('repeat', { text: 'a' })).output).toEqual(['a']);
  });

  test('leaves a registration that it did not make', async ({ stage: { colony, start } }) => {
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colony.colonyName, hospital) });
    await colony.call(colony.colonyOwner, approveExecutor, {
      colonyName: colony.colonyName,
      executorName: hospital.name,
    });
    const worker = await start(echo, withoutOwner);
    await worker.ready;
    await worker.stop();
    expect((await executorsOf(colony)).get(hospital.name)).toBe('approved');
  });

  test('stops when it is rejected', async ({ stage: { colony, logs, start } }) => {
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colony.colonyName, hospital) });
    const worker = await start(echo, withoutOwner);
    await colony.call(colony.colonyOwner, rejectExecutor, {
      colonyName: colony.colonyName,
      executorName: hospital.name,
    });
    await expect(worker.stopped).rejects.toThrow(/executor hospital-by-hand: expected an approval, got a rejection/);
    await expect(worker.ready).rejects.toThrow(/rejection/);
    expect(logs.mention('got a rejection by the owner')).toBe(true);
  });

  test('can be stopped while it waits', async ({ stage: { start } }) => {
    const worker = await start(echo, withoutOwner);
    await worker.stop();
    await expect(worker.ready).rejects.toThrow('stopped before it was approved');
  });
});

describe('a key file', () => {
  test('is made for its owner only, and gives the daemon the same id at every start', async ({ stage: { start } }) => {
    const directory = mkdtempSync(join(tmpdir(), 'sealed-colonies-'));
    const identityFile = join(directory, 'executor', 'key');
    const first = await start(echo, { identityFile });
    await first.ready;
    await first.stop();
    const second = await start(echo, { identityFile });
    await second.ready;
    expect(second.executorId).toBe(first.executorId);
    expect(second.name).not.toBe(first.name);
    expect(statSync(identityFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(identityFile, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    rmSync(directory, { recursive: true });
  });

  test('that is damaged is named, and not shown', async ({ stage: { colony, start } }) => {
    const identityFile = join(colony.directory, 'damaged.key');
    writeFileSync(identityFile, 'not-a-key', { mode: 0o600 });
    const starting = start(echo, { identityFile });
    await expect(starting).rejects.toThrow(`${identityFile}: private key: expected 64 hexadecimal characters, got 9`);
    await expect(starting).rejects.toBeInstanceOf(UserError);
  });

  test('finds the registration of a daemon that died', async ({ stage: { colony, run, start } }) => {
    const identity = generateIdentity();
    const survivor = { identity, name: 'died-before', type: TYPE };
    await colony.call(colony.colonyOwner, addExecutor, { executor: executorRegistration(colony.colonyName, survivor) });
    const worker = await start(echo, { identity });
    await worker.ready;
    expect(worker.name).toBe('died-before');
    expect((await run('repeat', { text: 'a' })).state).toBe('success');
  });
});
