import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { rejectExecutor } from '../../colony/messages/executors.ts';
import {
  addGenerator,
  type Generator,
  getGenerator,
  getGenerators,
  packGenerator,
  removeGenerator,
  resolveGenerator,
} from '../../colony/messages/generators.ts';
import { until } from '../support/processes.ts';
import {
  addNeighbour,
  generatorOf,
  lookAgain,
  processesOf,
  startColonyWithClock,
  workflowText,
} from '../support/recurring.ts';
import { rpcRaw } from '../support/rpc.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const refused = (status: number, serverMessage: string): unknown => expect.objectContaining({ status, serverMessage });

function add(colony: TestColony, generator: Partial<Generator> = {}, identity = colony.user): Promise<Generator> {
  return colony.call(identity, addGenerator, { generator: generatorOf(generator) });
}

async function pack(colony: TestColony, { generatorId }: Generator, ...args: readonly string[]): Promise<void> {
  for (const arg of args) await colony.call(colony.user, packGenerator, { generatorId, arg });
}

function read(colony: TestColony, { generatorId }: Generator): Promise<Generator> {
  return colony.call(colony.user, getGenerator, { generatorId });
}

/** The arguments of the processes so far, as soon as there are so many. */
async function untilArgs(colony: TestColony, count: number) {
  await until(async () => (await processesOf(colony)).length >= count);
  return (await processesOf(colony)).map(({ spec }) => spec.args);
}

describe('a generator', () => {
  test('submits its workflow once per full batch, oldest texts first', async () => {
    await using setting = await startColonyWithClock();
    const { colony, now } = setting;
    const added = await add(colony);
    expect(added).toMatchObject({
      initiatorId: colony.user.id,
      initiatorName: 'user',
      trigger: 2,
      queueSize: 0,
      firstPack: undefined,
      lastRun: undefined,
      checkerPeriodMs: 0,
    });
    await pack(colony, added, 'one', 'two', 'three', 'four', 'five');
    expect(await untilArgs(colony, 2)).toEqual([
      ['one', 'two'],
      ['three', 'four'],
    ]);
    await lookAgain(setting);
    expect(await processesOf(colony)).toHaveLength(2);
    const stored = await read(colony, added);
    expect(stored).toMatchObject({ queueSize: 1, checkerPeriodMs: quick.sweepIntervalMs });
    expect(Number(stored.firstPack)).toBe(now().getTime() - 1000);
    expect(Number(stored.lastRun)).toBe(now().getTime() - 1000);
    const [process] = await processesOf(colony);
    expect(process).toMatchObject({ initiatorId: colony.user.id, initiatorName: 'user', input: [] });
  });

  test('gives the texts to the nodes that begin, and to no other', async () => {
    await using setting = await startColonyWithClock();
    const { colony } = setting;
    const spec = JSON.parse(workflowText({ a: [], b: [], join: ['a', 'b'] }));
    for (const node of spec.functionspecs) Object.assign(node, { args: ['own'], kwargs: { key: 'own' } });
    const added = await add(colony, { workflowSpec: JSON.stringify(spec), trigger: 1 });
    await pack(colony, added, 'text');
    await untilArgs(colony, 3);
    const given = (await processesOf(colony)).map(({ spec: { nodeName, args, kwargs } }) => ({
      nodeName,
      args,
      kwargs,
    }));
    expect(given).toHaveLength(3);
    expect(given).toEqual(
      expect.arrayContaining([
        { nodeName: 'a', args: ['text'], kwargs: {} },
        { nodeName: 'b', args: ['text'], kwargs: {} },
        { nodeName: 'join', args: ['own'], kwargs: { key: 'own' } },
      ]),
    );
  });

  test('submits a part of a batch when its timeout has passed since the last run, or the first text', async () => {
    await using setting = await startColonyWithClock();
    const { colony, pass } = setting;
    const added = await add(colony, { trigger: 10, timeoutSeconds: 60 });
    const patient = await add(colony, { name: 'patient', trigger: 10, timeoutSeconds: 0 });
    await pack(colony, added, 'one', 'two');
    await pack(colony, patient, 'never');
    pass(58);
    await lookAgain(setting);
    expect(await processesOf(colony)).toEqual([]);
    pass(2);
    expect(await untilArgs(colony, 1)).toEqual([['one', 'two']]);
    await pack(colony, added, 'three');
    pass(58);
    await lookAgain(setting);
    expect(await processesOf(colony)).toHaveLength(1);
    pass(3);
    expect(await untilArgs(colony, 2)).toEqual([['one', 'two'], ['three']]);
    pass(600);
    await lookAgain(setting);
    expect(await processesOf(colony)).toHaveLength(2);
    expect(await read(colony, patient)).toMatchObject({ queueSize: 1 });
  });

  test('keeps its queue while the server is down', async () => {
    await using setting = await startColonyWithClock();
    const { colony } = setting;
    const added = await add(colony);
    await pack(colony, added, 'one');
    await colony.restart();
    expect(await read(colony, added)).toMatchObject({ queueSize: 1 });
    await pack(colony, added, 'two');
    expect(await untilArgs(colony, 1)).toEqual([['one', 'two']]);
  });

  test('keeps its queue while who added it is no member, and the log says so once', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    await using setting = await startColonyWithClock({ log });
    const { colony } = setting;
    const executor = await colony.addExecutor('worker');
    const added = await add(colony, {}, executor.identity);
    await colony.call(colony.colonyOwner, rejectExecutor, { colonyName: 'test', executorName: executor.name });
    await pack(colony, added, 'one', 'two', 'three');
    await lookAgain(setting);
    await lookAgain(setting);
    expect(await processesOf(colony)).toEqual([]);
    expect(await read(colony, added)).toMatchObject({ queueSize: 3 });
    const said = lines.map((line): unknown => JSON.parse(line));
    expect(said).toEqual([expect.objectContaining({ generatorId: added.generatorId, initiatorName: executor.name })]);
  });
});

describe('a generator is refused', () => {
  const cases: readonly (readonly [what: string, generator: object, message: string])[] = [
    ['with trigger 0', { trigger: 0 }, 'Failed to add generator, expected a trigger from 1 to 10000, got 0'],
    ['with a negative one', { trigger: -1 }, 'Failed to add generator, expected a trigger from 1 to 10000, got -1'],
    ['without one', { trigger: null }, 'Failed to add generator, expected a trigger from 1 to 10000, got none'],
    ['with half a trigger', { trigger: 1.5 }, 'Failed to add generator, invalid JSON'],
    [
      'with a batch that never gets full',
      { trigger: 10_001 },
      'Failed to add generator, expected a trigger from 1 to 10000, got 10001',
    ],
    [
      'with an endless timeout',
      { timeout: 2 ** 40 },
      `Failed to add generator, expected a timeout of at most 3155760000 seconds (100 years), got ${2 ** 40}; -1 means none`,
    ],
    [
      'with a cycle in its workflow',
      { workflowspec: workflowText({ a: ['a'] }) },
      'Failed to submit workflow, the dependencies form a cycle: a -> a',
    ],
    ['without workflow', { workflowspec: '' }, 'unexpected end of JSON input'],
    [
      'with a name that cannot be shown',
      { name: '\u202Eevil' },
      'Failed to add generator, the name must have at most 200 characters and no control characters',
    ],
  ];
  const wire = {
    colonyname: 'test',
    name: 'generator',
    workflowspec: workflowText({ a: [] }),
    trigger: 2,
    timeout: -1,
  };

  test.each(cases)('%s', async (_what, changed, message) => {
    await using colony = await startTestColony(quick);
    const sent = rpcRaw(colony.address, colony.user, 'addgeneratormsg', { generator: { ...wire, ...changed } });
    await expect(sent).rejects.toEqual(refused(400, message));
    expect(await colony.call(colony.user, getGenerators, { colonyName: 'test', count: 10 })).toEqual([]);
  });

  test('with a name that another one has', async () => {
    await using colony = await startTestColony(quick);
    await add(colony);
    await expect(add(colony)).rejects.toEqual(
      refused(400, 'Generator with name <generator> in Colony <test> already exists'),
    );
  });

  test('when it is missing', async () => {
    await using colony = await startTestColony(quick);
    await expect(rpcRaw(colony.address, colony.user, 'addgeneratormsg', {})).rejects.toEqual(
      refused(400, 'Failed to add generator, msg.Generator is nil'),
    );
    await expect(rpcRaw(colony.address, colony.user, 'packgeneratormsg', { generatorid: 1 })).rejects.toEqual(
      refused(400, 'Failed to inc generator, invalid JSON'),
    );
  });
});

test('texts that are too long for all nodes that begin are refused', async () => {
  await using colony = await startTestColony(quick);
  const roots = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`root-${index}`, []]));
  const added = await add(colony, { workflowSpec: workflowText(roots), trigger: 3 });
  await pack(colony, added, 'x'.repeat(500_000));
  await expect(pack(colony, added, 'x'.repeat(500_000))).rejects.toEqual(
    refused(
      413,
      `Failed to increment generator, expected at most ${32 * 1024 * 1024} bytes of waiting texts for all 40 nodes that begin`,
    ),
  );
  expect(await read(colony, added)).toMatchObject({ queueSize: 1 });
});

test('generators are for members of their colony, who find and remove them', async () => {
  await using colony = await startTestColony(quick);
  const neighbour = await addNeighbour(colony);
  const added = await add(colony);
  const twin = { colonyName: 'neighbour', workflowSpec: workflowText({ a: [] }, 'worker', 'neighbour') };
  const theirs = await add(colony, twin, neighbour.user);
  const notMember = refused(403, 'Access denied, not a member of Colony with name <test>');
  const { generatorId } = added;
  for (const outsider of [neighbour.user, colony.colonyOwner, colony.serverOwner, generateIdentity()]) {
    await expect(add(colony, { name: 'theirs' }, outsider)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, getGenerator, added)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, packGenerator, { generatorId, arg: 'x' })).rejects.toEqual(notMember);
    await expect(colony.call(outsider, removeGenerator, added)).rejects.toEqual(notMember);
    await expect(colony.call(outsider, getGenerators, { colonyName: 'test', count: 9 })).rejects.toEqual(notMember);
    const named = { colonyName: 'test', generatorName: 'generator' };
    await expect(colony.call(outsider, resolveGenerator, named)).rejects.toEqual(notMember);
  }
  const resolve = (colonyName: string, generatorName: string, identity = colony.user) =>
    colony.call(identity, resolveGenerator, { colonyName, generatorName });
  expect(await resolve('test', 'generator')).toEqual(added);
  expect(await resolve('neighbour', 'generator', neighbour.user)).toEqual(theirs);
  expect(await colony.call(colony.user, getGenerators, { colonyName: 'test', count: 9 })).toEqual([added]);
  await pack(colony, added, 'one');
  await colony.call(colony.user, removeGenerator, added);
  await expect(pack(colony, added, 'two')).rejects.toEqual(
    refused(500, 'Failed to increment generator, generator is nil'),
  );
  await expect(resolve('test', 'generator')).rejects.toEqual(
    refused(500, 'Failed to resolve generator, generator is nil'),
  );
  await expect(read(colony, added)).rejects.toEqual(refused(500, 'Failed to get generator, generator is nil'));
  await expect(colony.call(colony.user, removeGenerator, added)).rejects.toEqual(
    refused(500, 'Failed to remove generator, generator is nil'),
  );
});
