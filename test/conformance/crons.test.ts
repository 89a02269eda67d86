import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { until } from '../support/processes.ts';
import { Cron, list, Nothing, UNSET, Workflow } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { differing, type Inner, openWorld, unique, UNKNOWN_ID, workflowSpecOf, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];

/** A cron that does not come due during the tests unless told otherwise. */
const newCron = ({ colonyName }: World, fields: Inner = {}) => ({
  colonyname: colonyName,
  name: unique('cron'),
  cronexpression: '',
  interval: 3600,
  random: false,
  workflowspec: JSON.stringify(workflowSpecOf(colonyName, 'nobody', { a: [] })),
  waitforprevprocessgraph: false,
  ...fields,
});

const addCron = (place: World, fields: Inner = {}) =>
  place.must('user', 'addcronmsg', { cron: newCron(place, fields) }, Cron);
const idOf = async (place: World) => ({ cronid: (await addCron(place)).cronid });

const withCron = (fields: Inner) => (place: World) => ({ cron: newCron(place, fields) });

const addRow: MessageRow = {
  type: 'addcronmsg',
  audience: 'member',
  request: (place) => ({ cron: newCron(place) }),
  reply: Cron,
  texts: textsOf('Failed to add cron'),
  missing: { cron: [400, 'Failed to add cron, msg.Cron is nil'] },
  cases: {
    'takes an expression of six fields': {
      change: withCron({ interval: -1, cronexpression: '0 0 1 1 * *' }),
      expect: 'answered',
    },
    'takes a descriptor': { change: withCron({ interval: -1, cronexpression: '@daily' }), expect: 'answered' },
    'refuses an interval of 0': {
      change: withCron({ interval: 0 }),
      expect: [400, 'Cron interval must be -1 (disabled) or larger than 0'],
    },
    'refuses an expression of three fields': {
      change: withCron({ interval: -1, cronexpression: '* * *' }),
      expect: [400, 'expected exactly 6 fields, found 3: [* * *]'],
    },
    'refuses an empty expression': {
      change: withCron({ interval: -1 }),
      expect: [400, 'empty cron expression string'],
    },
    'refuses chance with an expression': {
      change: withCron({ interval: -1, cronexpression: '0 0 1 1 * *', random: true }),
      expect: [400, 'Random cron is only supported when specifying intervals'],
    },
    'refuses a dependency on a name that there is not': {
      change: (place) => ({
        cron: newCron(place, { workflowspec: JSON.stringify(workflowSpecOf(place.colonyName, 'x', { a: ['z'] })) }),
      }),
      expect: [400, /^400 Failed to submit workflow, invalid dependencies/u],
    },
    'refuses a name that is taken': {
      change: async (place) => ({ cron: newCron(place, { name: (await addCron(place)).name }) }),
      expect: [400, /^400 Cron with name <cron-[0-9a-f]+> in Colony <colony-[0-9a-f]+> already exists$/u],
    },
    'refuses a colony that does not exist': {
      change: withCron({ colonyname: 'nowhere' }),
      expect: [403, 'Colony with name <nowhere> does not exists'],
    },
    'refuses a workflow that is no JSON': { change: withCron({ workflowspec: 'x' }), expect: [400, /^400 /u] },
    'refuses to submit to another colony': {
      change: (place) => ({
        cron: newCron(place, { workflowspec: JSON.stringify(workflowSpecOf(place.neighbourName, 'x', { a: [] })) }),
      }),
      expect: differs('a cron works in its own colony', {
        official: 'not asked',
        here: [403, 'Failed to add cron, expected a workflow of Colony <{colony}>'],
      }),
    },
  },
};

const nil = (verb: string): Expectation => [500, `Failed to ${verb} cron, cron is nil`];

function idRow(type: string, verb: string, reply: z.ZodType, unknown: Expectation = nil(verb)): MessageRow {
  return {
    type,
    audience: 'member',
    request: idOf,
    reply,
    texts: textsOf(`Failed to ${verb} cron`),
    missing: { cronid: unknown },
    cases: { 'refuses an unknown id': { change: { cronid: UNKNOWN_ID }, expect: unknown } },
  };
}

conformsTo(
  () => world,
  [
    addRow,
    idRow('getcronmsg', 'get', Cron),
    idRow('runcronmsg', 'run', Cron, [400, 'cron not found']),
    idRow('removecronmsg', 'remove', Nothing),
    {
      type: 'getcronsmsg',
      audience: 'member',
      request: ({ colonyName }) => ({ colonyname: colonyName, count: 5 }),
      reply: z.array(Cron),
      texts: textsOf('Failed to get crons'),
      missing: { colonyname: noColony, count: 'answered' },
    },
  ],
);

const workflows = async (state = 0) => {
  const request = { colonyname: world.colonyName, count: 100, state };
  return (await world.must('user', 'getprocessgraphsmsg', request, list(Workflow))).map((each) => each.processgraphid);
};

const runNext = async (out: readonly unknown[]) => {
  const process = await world.assign('executor');
  await world.do('executor', 'closesuccessfulmsg', { processid: process.processid, out });
  return process;
};

describe('a cron', () => {
  test('keeps what it was added with, and belongs to who added it', async () => {
    const cron = newCron(world, { waitforprevprocessgraph: true });
    const added = await world.must('user', 'addcronmsg', { cron }, Cron);
    expect(added).toMatchObject({
      ...cron,
      initiatorid: world.people.user.id,
      initiatorname: world.names.user,
      lastrun: UNSET,
      prevprocessgraphid: '',
      checkerperiod: 0,
    });
    const read = await world.must('user', 'getcronmsg', { cronid: added.cronid }, Cron);
    expect(read).toMatchObject(cron);
    expect(read.checkerperiod).toBeGreaterThan(0);
  });

  test('submits its workflow each time its interval is over, in the name of who added it', async () => {
    const { cronid } = await addCron(world, { interval: 1 });
    const cron = () => world.must('user', 'getcronmsg', { cronid }, Cron);
    await until(async () => (await cron()).prevprocessgraphid !== '');
    const { prevprocessgraphid, lastrun, nextrun } = await cron();
    expect([lastrun, nextrun]).not.toContain(UNSET);
    const first = await world.must('user', 'getprocessgraphmsg', { processgraphid: prevprocessgraphid }, Workflow);
    expect(first.initiatorid).toBe(world.people.user.id);
    await until(async () => (await cron()).prevprocessgraphid !== prevprocessgraphid);
    await world.do('user', 'removecronmsg', { cronid });
  });

  test('runs at once when told to', async () => {
    const { cronid } = await addCron(world);
    await world.do('user', 'runcronmsg', { cronid });
    const cron = () => world.must('user', 'getcronmsg', { cronid }, Cron);
    await until(async () => (await cron()).prevprocessgraphid !== '');
    expect(await workflows()).toContain((await cron()).prevprocessgraphid);
  });

  test('gives the outputs of its last workflow to the roots of the next', async () => {
    const workflowspec = JSON.stringify(workflowSpecOf(world.colonyName, world.executorType, { a: [], b: ['a'] }));
    const { cronid } = await addCron(world, { workflowspec });
    await world.do('user', 'runcronmsg', { cronid });
    expect((await runNext(['from a'])).in).toEqual([]);
    await runNext(['from b']);
    await world.do('user', 'runcronmsg', { cronid });
    expect((await runNext([])).in).toEqual(['from b']);
    await runNext([]);
  });

  test('that was removed is gone', async () => {
    const { cronid } = await addCron(world);
    await world.do('user', 'removecronmsg', { cronid });
    const { payload } = await world.ask('user', 'getcronmsg', { cronid });
    expect(payload).toEqual({ status: 500, message: 'Failed to get cron, cron is nil' });
  });

  test('is run by members of its colony only', async () => {
    const { cronid } = await addCron(world);
    await world.ask('neighbour', 'runcronmsg', { cronid });
    const { lastrun } = await world.must('user', 'getcronmsg', { cronid }, Cron);
    expect(lastrun === UNSET).toBe(
      differing(world, 'the role is checked first', { official: lastrun === UNSET, here: true }),
    );
  });
});
