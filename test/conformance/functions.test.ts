import { afterAll, beforeAll, expect, test } from 'vitest';
import { list, Nothing, RegisteredFunction } from './shapes.ts';
import { conformsTo, type Expectation, type MessageRow, textsOf } from './table.ts';
import { openWorld, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const newFunction = ({ colonyName, names }: World) => ({
  executorname: names.executor,
  colonyname: colonyName,
  funcname: unique('f'),
});

const addFunction = (place: World) =>
  place.must('executor', 'addfunctionmsg', { fun: newFunction(place) }, RegisteredFunction);

const notFound: Expectation = [404, 'Failed to remove function, function does not exist'];

const rows: readonly MessageRow[] = [
  {
    type: 'addfunctionmsg',
    audience: 'member',
    by: 'executor',
    request: (place) => ({ fun: newFunction(place) }),
    reply: RegisteredFunction,
    texts: textsOf('Failed to add function'),
    roles: { user: [403, 'Not allowed to add a function to another executor'] },
    missing: { fun: [400, 'Failed to add function, msg.Function is nil'] },
    cases: {
      'refuses an unknown executor': {
        change: (place) => ({ fun: { ...newFunction(place), executorname: 'x' } }),
        expect: [400, 'Failed to add function, Executor with name <x> does not exist'],
      },
      'refuses the name of another executor': {
        change: (place) => ({ fun: { ...newFunction(place), executorname: place.names.pending } }),
        expect: [403, 'Not allowed to add a function to another executor'],
      },
      'refuses a colony that does not exist': {
        change: (place) => ({ fun: { ...newFunction(place), colonyname: 'nowhere' } }),
        expect: [403, 'Colony with name <nowhere> does not exists'],
      },
    },
  },
  {
    type: 'getfunctionsmsg',
    audience: 'member',
    request: ({ colonyName, names }) => ({ colonyname: colonyName, executorname: names.executor }),
    reply: list(RegisteredFunction),
    texts: textsOf('Failed to get function'),
    missing: { colonyname: [403, 'Colony with name <> does not exists'], executorname: 'answered' },
  },
  {
    type: 'removefunctionmsg',
    audience: 'member',
    by: 'executor',
    request: async (place) => ({ functionid: (await addFunction(place)).functionid }),
    reply: Nothing,
    texts: textsOf('Failed to remove function'),
    roles: { user: [403, 'Not allowed to remove a function from another executor'] },
    missing: { functionid: [400, 'Failed to remove function, msg.FunctionID is empty'] },
    cases: { 'refuses an unknown id': { change: { functionid: UNKNOWN_ID }, expect: notFound } },
  },
];

conformsTo(() => world, rows);

test('a function keeps its description, and is listed for its executor and for the colony', async () => {
  const described = {
    description: 'adds',
    args: [{ name: 'a', type: 'int', description: 'first', required: true, enum: ['1', '2'] }],
  };
  const fun = { ...newFunction(world), ...described };
  const added = await world.must('executor', 'addfunctionmsg', { fun }, RegisteredFunction);
  expect(added).toMatchObject({ ...fun, counter: 0, minwaittime: 0, avgexectime: 0 });
  for (const executorname of [world.names.executor, '']) {
    const request = { colonyname: world.colonyName, executorname };
    expect(await world.must('user', 'getfunctionsmsg', request, list(RegisteredFunction))).toContainEqual(added);
  }
  const nobodys = { colonyname: world.colonyName, executorname: world.names.pending };
  expect(await world.must('user', 'getfunctionsmsg', nobodys, list(RegisteredFunction))).toEqual([]);
});

test('a function counts the successful calls by its executor, and nobody else’s', async () => {
  const { funcname } = await addFunction(world);
  for (const name of [funcname, funcname, 'other']) {
    const { processid } = await world.running({ funcname: name });
    await world.do('executor', 'closesuccessfulmsg', { processid, out: [] });
  }
  const failing = await world.running({ funcname });
  await world.do('executor', 'closefailedmsg', { processid: failing.processid, errors: [] });
  const request = { colonyname: world.colonyName, executorname: world.names.executor };
  const listed = await world.must('user', 'getfunctionsmsg', request, list(RegisteredFunction));
  const counted = listed.find((each) => each.funcname === funcname);
  expect(counted?.counter).toBe(2);
  expect(counted?.maxexectime).toBeGreaterThanOrEqual(counted?.minexectime ?? Infinity);
});

test('a function that is removed is gone', async () => {
  const { functionid } = await addFunction(world);
  await world.do('executor', 'removefunctionmsg', { functionid });
  const again = await world.ask('executor', 'removefunctionmsg', { functionid });
  expect(again.payload).toEqual({ status: 404, message: 'Failed to remove function, function does not exist' });
});
