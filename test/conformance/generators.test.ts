import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Generator, list, Nothing, UNSET } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { type Inner, openWorld, unique, UNKNOWN_ID, workflowSpecOf, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];

const newGenerator = ({ colonyName }: World, fields: Inner = {}) => ({
  colonyname: colonyName,
  name: unique('generator'),
  workflowspec: JSON.stringify(workflowSpecOf(colonyName, 'nobody', { a: [] })),
  trigger: 2,
  timeout: -1,
  ...fields,
});

const addGenerator = (place: World, fields: Inner = {}) =>
  place.must('user', 'addgeneratormsg', { generator: newGenerator(place, fields) }, Generator);
const idOf = async (place: World) => ({ generatorid: (await addGenerator(place)).generatorid });

const withGenerator = (fields: Inner) => (place: World) => ({ generator: newGenerator(place, fields) });

const addRow: MessageRow = {
  type: 'addgeneratormsg',
  audience: 'member',
  request: (place) => ({ generator: newGenerator(place) }),
  reply: Generator,
  texts: textsOf('Failed to add generator'),
  missing: { generator: [400, 'Failed to add generator, msg.Generator is nil'] },
  wrongTypes: {
    generator: differs('the trigger is looked at first', {
      official: [400, 'Failed to add generator, invalid JSON'],
      here: [400, /^400 Failed to add generator, expected a trigger/u],
    }),
  },
  cases: {
    'refuses a trigger of 0': {
      change: withGenerator({ trigger: 0 }),
      expect: differs('it ends the official server for good', {
        official: 'not asked',
        here: [400, /^400 Failed to add generator, expected a trigger from 1/u],
      }),
    },
    'refuses a name that is taken': {
      change: async (place) => ({ generator: newGenerator(place, { name: (await addGenerator(place)).name }) }),
      expect: [400, /^400 Generator with name <generator-[0-9a-f]+> in Colony <colony-[0-9a-f]+> already exists$/u],
    },
    'refuses a dependency on a name that there is not': {
      change: (place) => ({
        generator: newGenerator(place, {
          workflowspec: JSON.stringify(workflowSpecOf(place.colonyName, 'x', { a: ['z'] })),
        }),
      }),
      expect: [400, /^400 Failed to submit workflow, invalid dependencies/u],
    },
    'refuses a colony that does not exist': {
      change: withGenerator({ colonyname: 'nowhere' }),
      expect: [403, 'Colony with name <nowhere> does not exists'],
    },
    'refuses a workflow that is no JSON': { change: withGenerator({ workflowspec: 'x' }), expect: [400, /^400 /u] },
  },
};

const nil = (verb: string): Expectation => [500, `Failed to ${verb} generator, generator is nil`];

const rows: readonly MessageRow[] = [
  addRow,
  {
    type: 'getgeneratormsg',
    audience: 'member',
    request: idOf,
    reply: Generator,
    texts: textsOf('Failed to get generator'),
    missing: { generatorid: nil('get') },
    cases: { 'refuses an unknown id': { change: { generatorid: UNKNOWN_ID }, expect: nil('get') } },
  },
  {
    type: 'getgeneratorsmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, count: 5 }),
    reply: list(Generator),
    texts: textsOf('Failed to get generators'),
    missing: { colonyname: noColony, count: 'answered' },
  },
  {
    type: 'resolvegeneratormsg',
    audience: 'member',
    request: async (place) => ({ colonyname: place.colonyName, generatorname: (await addGenerator(place)).name }),
    reply: Generator,
    texts: textsOf('Failed to resolve generator'),
    missing: {
      colonyname: differs('who does not belong to a colony does not learn what is in it', {
        official: [500, 'Failed to resolve generator, generator is nil'],
        here: [403, 'Colony with name <> does not exists'],
      }),
      generatorname: nil('resolve'),
    },
    cases: {
      'refuses an unknown name': { change: { generatorname: 'x' }, expect: nil('resolve') },
      'refuses a name under another colony': {
        by: 'neighbour',
        change: ({ neighbourName }, request) => ({ ...request, colonyname: neighbourName }),
        expect: nil('resolve'),
      },
    },
  },
  {
    type: 'packgeneratormsg',
    audience: 'member',
    request: async (place) => ({ ...(await idOf(place)), arg: 'x' }),
    reply: Nothing,
    texts: textsOf('Failed to inc generator', 'Failed to increment generator'),
    missing: { generatorid: nil('increment'), arg: 'answered' },
    cases: { 'refuses an unknown id': { change: { generatorid: UNKNOWN_ID }, expect: nil('increment') } },
  },
  {
    type: 'removegeneratormsg',
    audience: 'member',
    request: idOf,
    reply: Nothing,
    texts: textsOf('Failed to remove generator'),
    missing: { generatorid: nil('remove') },
    cases: { 'refuses an unknown id': { change: { generatorid: UNKNOWN_ID }, expect: nil('remove') } },
  },
];

conformsTo(() => world, rows);

const forExecutor = (fields: Inner) => {
  const workflowspec = JSON.stringify(workflowSpecOf(world.colonyName, world.executorType, { a: [], b: ['a'] }));
  return addGenerator(world, { workflowspec, ...fields });
};
const pack = (generatorid: string, arg: string) => world.do('user', 'packgeneratormsg', { generatorid, arg });
const runNext = async () => {
  const process = await world.assign('executor');
  await world.do('executor', 'closesuccessfulmsg', { processid: process.processid, out: [] });
  return process;
};

describe('a generator', () => {
  test('keeps what it was added with, and counts its queue', async () => {
    const generator = newGenerator(world, { trigger: 5, timeout: 100 });
    const added = await world.must('user', 'addgeneratormsg', { generator }, Generator);
    expect(added).toMatchObject({
      ...generator,
      initiatorid: world.people.user.id,
      initiatorname: world.names.user,
      firstpack: UNSET,
      lastrun: UNSET,
      queuesize: 0,
      checkerperiod: 0,
    });
    await pack(added.generatorid, 'x');
    const read = await world.must('user', 'getgeneratormsg', { generatorid: added.generatorid }, Generator);
    expect(read).toMatchObject({ queuesize: 1, lastrun: UNSET });
    expect(read.checkerperiod).toBeGreaterThan(0);
    expect(read.firstpack).not.toBe(UNSET);
  });

  test('submits its workflow for every full batch, whose texts become the arguments of the roots', async () => {
    const { generatorid } = await forExecutor({ trigger: 2 });
    for (const arg of ['one', 'two', 'three']) await pack(generatorid, arg);
    const root = await runNext();
    expect(root.spec).toMatchObject({ nodename: 'a', args: ['one', 'two'], kwargs: {} });
    expect(root.initiatorid).toBe(world.people.user.id);
    expect((await runNext()).spec).toMatchObject({ nodename: 'b', args: [] });
    expect((await world.must('user', 'getgeneratormsg', { generatorid }, Generator)).queuesize).toBe(1);
  });

  test('submits part of a batch when its time is up', async () => {
    const { generatorid } = await forExecutor({ trigger: 100, timeout: 1 });
    await pack(generatorid, 'alone');
    expect((await runNext()).spec.args).toEqual(['alone']);
    await runNext();
  });
});
