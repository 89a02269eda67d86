import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { list, Log, Nothing } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { differing, type Inner, openWorld, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];
const nil: Expectation = [500, 'Failed to add log, process is nil'];

async function logged(place: World, ...messages: readonly string[]) {
  const { processid } = await place.running();
  for (const message of messages) await place.do('executor', 'addlogmsg', { processid, message });
  return processid;
}

const rows: readonly MessageRow[] = [
  {
    type: 'addlogmsg',
    audience: 'member',
    by: 'executor',
    request: async (place) => ({ processid: (await place.running()).processid, message: 'line' }),
    reply: Nothing,
    texts: textsOf('Failed to add log'),
    roles: {
      user: [403, 'Failed to add log, not allowed to add log, only the assigned Executor may att logs'],
    },
    missing: { processid: nil, message: 'answered' },
    cases: {
      'refuses an unknown process': { change: { processid: UNKNOWN_ID, message: 'm' }, expect: nil },
      'refuses a process that is not running': {
        change: async (place) => ({ processid: (await place.submit()).processid, message: 'm' }),
        expect: [403, 'Failed to set output, process is not running'],
      },
    },
  },
  {
    type: 'addexecutorlogmsg',
    audience: 'member',
    by: 'executor',
    request: ({ colonyName, names }) => ({
      colonyname: colonyName,
      executorname: names.executor,
      message: 'line',
    }),
    reply: Nothing,
    texts: textsOf('Failed to add executor log'),
    roles: { user: [403, 'Failed to add executor log, executor not found'] },
    missing: {
      colonyname: noColony,
      executorname: [403, 'Failed to add executor log, executor name mismatch'],
      message: 'answered',
    },
    cases: {
      'refuses the name of another executor': {
        change: ({ names }, request) => ({ ...request, executorname: names.pending }),
        expect: [403, 'Failed to add executor log, executor name mismatch'],
      },
    },
  },
  {
    type: 'getlogsmsg',
    audience: 'member',
    request: async (place) => ({
      colonyname: place.colonyName,
      processid: await logged(place, 'a'),
      executorname: '',
      count: 10,
      since: 0,
      latest: true,
    }),
    reply: list(Log),
    texts: textsOf('Failed to get logs'),
    missing: {
      colonyname: differs('the colony counts', {
        official: 'answered',
        here: [403, 'Colony with name <> does not exists'],
      }),
      processid: [500, 'Failed to get logs, process does not exist'],
      executorname: 'answered',
      count: 'answered',
      since: 'answered',
      latest: 'answered',
    },
    cases: {
      'refuses an unknown process': {
        change: { processid: UNKNOWN_ID },
        expect: [500, 'Failed to get logs, process does not exist'],
      },
      'refuses more than 500 lines': {
        change: (_world, request) => ({ ...request, count: 501 }),
        expect: [403, 'Count exceeds max log count (500)'],
      },
      'refuses an unknown executor': {
        change: (_world, request) => ({ ...request, executorname: 'nobody' }),
        expect: [500, 'Failed to get logs, executor does not exist'],
      },
      'refuses an executor of another colony': {
        change: ({ names }, request) => ({ ...request, executorname: names.neighbourExecutor }),
        expect: [500, 'Failed to get logs, executor does not exist'],
      },
    },
  },
  {
    type: 'searchlogsmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, text: 'x', days: 1, count: 10 }),
    reply: list(Log),
    texts: textsOf('Failed to search logs', 'Failed to get logs'),
    missing: { colonyname: noColony, text: 'answered', days: 'answered', count: 'answered' },
    cases: {
      'refuses more than 100 lines': {
        change: (_world, request) => ({ ...request, count: 101 }),
        expect: [400, 'Count exceeds max log count (100)'],
      },
      'refuses more than 30 days': {
        change: (_world, request) => ({ ...request, days: 31 }),
        expect: [400, 'Count exceeds max day count (30)'],
      },
    },
  },
];

conformsTo(() => world, rows);

async function read(query: Inner, signer: 'user' | 'neighbour' = 'user'): Promise<string[]> {
  const all = { colonyname: world.colonyName, count: 100, ...query };
  return (await world.must(signer, 'getlogsmsg', all, list(Log))).map(({ message }) => message);
}

describe('lines of a process', () => {
  test('come in their order, the last ones or those after a time', async () => {
    const processid = await logged(world, 'one', 'two', 'three');
    expect(await read({ processid })).toEqual(['one', 'two', 'three']);
    expect(await read({ processid, count: 2, latest: true })).toEqual(['two', 'three']);
    expect(await read({ processid, count: 2 })).toEqual(['one', 'two']);
    expect(await read({ processid, count: 0 })).toEqual([]);
    const lines = await world.must(
      'user',
      'getlogsmsg',
      { colonyname: world.colonyName, processid, count: 10 },
      list(Log),
    );
    // Timestamps are nanoseconds and lose their last digits here; a millisecond before the last is safe.
    const since = (lines[1]?.timestamp ?? 0) - 1_000_000;
    expect(await read({ processid, since })).toContain('three');
    expect(await read({ processid, since: (lines[2]?.timestamp ?? 0) + 1_000_000 })).toEqual([]);
  });

  test('say who wrote them, in which colony and when', async () => {
    const before = Date.now();
    const processid = await logged(world, 'line\n');
    const request = { colonyname: world.colonyName, processid, count: 10 };
    const [line] = await world.must('user', 'getlogsmsg', request, list(Log));
    expect(line).toMatchObject({ processid, executorname: world.names.executor, message: 'line\n' });
    expect(line?.colonyname).toBe(world.colonyName);
    expect((line?.timestamp ?? 0) / 1e6).toBeGreaterThan(before - 60_000);
  });

  test('are not shown under the name of another colony', async () => {
    const processid = await logged(world, 'secret');
    const request = { colonyname: world.neighbourName, processid, count: 10 };
    const { payload } = await world.ask('neighbour', 'getlogsmsg', request);
    expect(JSON.stringify(payload)).not.toContain('secret');
  });
});

describe('lines of an executor', () => {
  test('are not those of its namesake in another colony', async () => {
    const { neighbourName, names } = world;
    const message = unique('secret');
    const theirs = { colonyname: neighbourName, executorname: names.neighbourExecutor, message };
    await world.do('neighbourExecutor', 'addexecutorlogmsg', theirs);
    const namesake = { executorid: generateIdentity().id, executorname: names.neighbourExecutor, executortype: 't' };
    await world.do('colonyOwner', 'addexecutormsg', { executor: { ...namesake, colonyname: world.colonyName } });
    const expected = differing(world, 'executors are looked up within the colony', { official: [message], here: [] });
    expect(await read({ executorname: names.neighbourExecutor })).toEqual(expected);
    const search = { colonyname: world.colonyName, text: message, days: 1, count: 10 };
    expect((await world.ask('user', 'searchlogsmsg', search)).payload ?? []).toEqual([]);
  });

  test('are those that it wrote about itself and about its processes', async () => {
    const executor = await world.addExecutor();
    const own = { colonyname: world.colonyName, executorname: executor.name };
    await world.do(executor.identity, 'addexecutorlogmsg', { ...own, message: 'started' });
    const { processid } = await world.submit({}, { executortype: executor.type });
    await world.assign(executor.identity);
    await world.do(executor.identity, 'addlogmsg', { processid, message: 'working' });
    expect(await read({ executorname: executor.name })).toEqual(['started', 'working']);
    expect(await read({ processid })).toEqual(['working']);
  });
});

const search = async (text: string, more: Inner = {}) => {
  const query = { colonyname: world.colonyName, text, days: 1, count: 100, ...more };
  return (await world.must('user', 'searchlogsmsg', query, list(Log))).map(({ message }) => message);
};

describe('a search', () => {
  test('finds lines that contain a text as it is written', async () => {
    const word = unique('Needle');
    await logged(world, `a ${word} b`, 'hay', word);
    expect((await search(word)).toSorted()).toEqual([word, `a ${word} b`].toSorted());
    expect(await search(word.toLowerCase())).toEqual([]);
    expect(await search(word, { count: 1 })).toHaveLength(1);
  });

  test('takes % and _ as what they are', async () => {
    const word = unique('percent');
    await logged(world, `${word} 100% sure`, `${word} 100 sure`);
    const expected = differing(world, 'no wildcards', {
      official: [`${word} 100 sure`, `${word} 100% sure`],
      here: [`${word} 100% sure`],
    });
    expect((await search(`${word} 100% sure`)).toSorted()).toEqual(expected);
  });
});
