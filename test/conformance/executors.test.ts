import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { generateIdentity } from '../../colony/identity.ts';
import { Executor, list, Nothing, UNSET } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { type Inner, openWorld, type Role, type Signer, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** The official server looks for what is asked for first, and then whether the caller belongs to its colony. */
const hidden = (status: number, message: string, colony: string, empty = 'Empty Colony name'): Expectation =>
  differs('who does not belong to a colony does not learn what is in it', {
    official: [status, message],
    here: [403, colony === '' ? empty : `Colony with name <${colony}> does not exists`],
  });
const noColony: Expectation = [403, 'Colony with name <> does not exists'];
const emptyName: Expectation = [403, 'Empty Colony name'];

const newExecutor = ({ colonyName }: World) => ({
  colonyname: colonyName,
  executorid: generateIdentity().id,
  executorname: unique('executor'),
  executortype: unique('type'),
});

async function register(place: World) {
  const executor = newExecutor(place);
  await place.do('colonyOwner', 'addexecutormsg', { executor });
  return { colonyname: executor.colonyname, executorname: executor.executorname };
}

/** A message with which the colony's owner changes the state of an executor. */
function stateRow(type: string, verb: string): MessageRow {
  const nil = `Failed to ${verb} executor, executor is nil`;
  const notFound: Expectation = [500, nil];
  return {
    type,
    audience: 'colonyOwner',
    request: register,
    reply: Nothing,
    texts: textsOf(`Failed to ${verb} executor`),
    missing: { colonyname: hidden(500, nil, ''), executorname: notFound },
    cases: {
      'refuses a colony that does not exist': {
        change: { colonyname: 'nowhere' },
        expect: hidden(500, nil, 'nowhere'),
      },
      'refuses an unknown name': { change: { executorname: 'x' }, expect: notFound },
      'refuses a name of another colony': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, executorname: names.neighbourExecutor }),
        expect: notFound,
      },
    },
  };
}

const registrationRows: readonly MessageRow[] = [
  {
    type: 'addexecutormsg',
    audience: 'colonyOwner',
    request: (place) => ({ executor: newExecutor(place) }),
    reply: Executor,
    texts: textsOf('Failed to add executor'),
    missing: { executor: [400, 'Failed to add executor, executor is nil'] },
    cases: {
      'refuses a name that is taken': {
        change: (place) => ({ executor: { ...newExecutor(place), executorname: place.names.executor } }),
        expect: [400, 'Executor with name <executor> in Colony <{colony}> already exists'],
      },
      'refuses a colony that does not exist': {
        change: (place) => ({ executor: { ...newExecutor(place), colonyname: 'nowhere' } }),
        expect: [403, 'Colony with name <nowhere> does not exists'],
      },
      'refuses an executor without colony': {
        change: (place) => ({ executor: { ...newExecutor(place), colonyname: '' } }),
        expect: emptyName,
      },
      'refuses hardware that is no list': {
        change: (place) => ({ executor: { ...newExecutor(place), capabilities: { hardware: {}, software: [] } } }),
        expect: [400, 'Failed to add executor, invalid JSON'],
      },
    },
  },
  stateRow('approveexecutormsg', 'approve'),
  stateRow('rejectexecutormsg', 'reject'),
  stateRow('removeexecutormsg', 'remove'),
];

const notFoundByName: Expectation = [500, 'Failed to get executor, executor is nil'];
const byIdNil = 'Failed to get executor by ID, executor is nil';
const notFoundById: Expectation = [404, byIdNil];

const readingRows: readonly MessageRow[] = [
  {
    type: 'getexecutorsmsg',
    audience: 'looseMember',
    request: ({ colonyName }) => ({ colonyname: colonyName }),
    reply: list(Executor),
    texts: textsOf('Failed to get executors'),
    missing: { colonyname: noColony },
  },
  {
    type: 'getexecutormsg',
    audience: 'member',
    request: ({ colonyName, names }) => ({ colonyname: colonyName, executorname: names.executor }),
    reply: Executor,
    texts: textsOf('Failed to get executor'),
    missing: {
      colonyname: hidden(500, 'Failed to get executor, executor is nil', '', 'Colony with name <> does not exists'),
      executorname: notFoundByName,
    },
    cases: {
      'refuses an unknown name': { change: { executorname: 'x' }, expect: notFoundByName },
      'refuses a name of another colony': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, executorname: names.neighbourExecutor }),
        expect: notFoundByName,
      },
    },
  },
  {
    type: 'getexecutorbyidmsg',
    audience: 'member',
    request: ({ colonyName, people }) => ({ colonyname: colonyName, executorid: people.executor.id }),
    reply: Executor,
    texts: textsOf('Failed to get executor by ID'),
    missing: {
      colonyname: differs('the colony counts', {
        official: 'answered',
        here: [403, 'Colony with name <> does not exists'],
      }),
      executorid: notFoundById,
    },
    cases: {
      'refuses an unknown id': { change: { executorid: UNKNOWN_ID }, expect: notFoundById },
      'refuses an id of another colony': {
        change: ({ colonyName, people }) => ({ colonyname: colonyName, executorid: people.neighbourExecutor.id }),
        expect: differs('executors are looked up within the colony', {
          official: [403, /^403 Access denied, not a member of Colony with name <neighbour-/u],
          here: [404, byIdNil],
        }),
      },
      'refuses to tell of an executor under the name of another colony': {
        by: 'neighbour',
        change: ({ neighbourName, people }) => ({ colonyname: neighbourName, executorid: people.executor.id }),
        expect: differs('executors are looked up within the colony', {
          official: [403, 'Access denied, not a member of Colony with name <{colony}>'],
          here: [404, byIdNil],
        }),
      },
    },
  },
];

/** The name under which a role is registered; a role that is none is refused whatever it calls itself. */
const ownName = ({ names }: World, caller: Role) => (caller === 'pending' ? names.pending : names.executor);

const unknown = (name: string): Expectation => [400, `Executor with name <${name}> does not exist`];

function reportRow(type: string, key: string, report: Inner, failure: string, notSelf: string): MessageRow {
  return {
    type,
    audience: 'looseMember',
    by: 'executor',
    request: (place, caller) => ({
      colonyname: place.colonyName,
      executorname: ownName(place, caller),
      [key]: report,
    }),
    reply: Nothing,
    texts: textsOf(failure),
    roles: { user: [400, notSelf] },
    missing: { colonyname: noColony, executorname: unknown(''), [key]: 'answered' },
    cases: {
      'refuses an unknown name': { change: { executorname: 'x' }, expect: unknown('x') },
      'refuses the name of somebody else': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, executorname: names.pending, [key]: report }),
        expect: [400, notSelf],
      },
      'refuses a name of another colony': {
        change: ({ colonyName, names }) => ({
          colonyname: colonyName,
          executorname: names.neighbourExecutor,
          [key]: report,
        }),
        expect: unknown('neighbour-executor'),
      },
    },
  };
}

const usage = { allocatedcpu: 1, usedcpu: 2, allocatedgpu: 3, usedgpu: 4, allocatedstorage: 5, usedstorage: 6 };
const selfRows: readonly MessageRow[] = [
  reportRow(
    'reportallocationmsg',
    'allocations',
    { projects: { p: usage } },
    'Failed to report allocation',
    'Only an executor can report allocations to itself',
  ),
  reportRow(
    'updateexecutormsg',
    'capabilities',
    { hardware: [], software: [{ name: 'python', type: 'x', version: '3' }] },
    'Failed to update executor',
    'Only an executor can update its own capabilities',
  ),
];

conformsTo(() => world, [...registrationRows, ...readingRows, ...selfRows]);

const change = (signer: Signer, executorid: string) =>
  world.ask(signer, 'changeexecutoridmsg', { colonyname: world.colonyName, executorid });

describe('changeexecutoridmsg', () => {
  test('gives the caller another id, whose key then speaks for it', async () => {
    const executor = await world.addExecutor();
    const next = generateIdentity();
    const answer = await change(executor.identity, next.id);
    expect(answer.payload).toEqual({
      colonyname: world.colonyName,
      executorid: next.id,
      msgtype: 'changeexecutoridmsg',
    });
    await expect(world.assign(executor.identity, -1)).rejects.toThrow('not a member');
    await expect(world.assign(next, -1)).rejects.toThrow('No process available');
  });

  test('works for an executor that waits for its approval', async () => {
    const pending = generateIdentity();
    const executor = { ...newExecutor(world), executorid: pending.id };
    await world.do('colonyOwner', 'addexecutormsg', { executor });
    expect((await change(pending, generateIdentity().id)).status).toBe(200);
  });

  test('refuses whoever is no executor of the colony, and ids that are none', async () => {
    const refusals = {
      user: [400, 'Failed to change executor Id, executor not found'],
      stranger: [403, `Access denied, not a member of Colony with name <${world.colonyName}>`],
      neighbourExecutor: [403, `Access denied, not a member of Colony with name <${world.colonyName}>`],
    } as const;
    for (const role of ['user', 'stranger', 'neighbourExecutor'] as const) {
      const [status, message] = refusals[role];
      expect((await change(role, generateIdentity().id)).payload).toEqual({ status, message });
    }
    expect((await change('executor', '')).payload).toEqual({
      status: 400,
      message: 'Failed to change executor Id, executor Id is empty',
    });
    expect((await change('executor', 'abc')).payload).toEqual({
      status: 400,
      message: 'Failed to change executor Id, new executor Id is not 64 characters',
    });
  });
});

describe('an executor', () => {
  test('is pending at first, with no time at which it was heard from', async () => {
    const executor = newExecutor(world);
    const added = await world.must('colonyOwner', 'addexecutormsg', { executor }, Executor);
    expect(added).toMatchObject({
      ...executor,
      state: 0,
      requirefuncreg: false,
      lastheardfromtime: UNSET,
      capabilities: { hardware: null, software: null },
      allocations: { projects: null },
    });
    expect(added.commissiontime).not.toBe(UNSET);
  });

  test('keeps what it was registered with', async () => {
    const more = {
      requirefuncreg: true,
      locationname: 'Luleå',
      capabilities: {
        hardware: [{ model: 'm', nodes: 1, cpu: '1000m', cores: 2, mem: '1Gi', storage: '1Gi', network: null }],
        software: [{ name: 's', type: 't', version: 'v' }],
      },
      allocations: { projects: { p: usage } },
    };
    const executor = { ...newExecutor(world), ...more, state: 1 };
    await world.do('colonyOwner', 'addexecutormsg', { executor });
    const named = { colonyname: executor.colonyname, executorname: executor.executorname };
    const read = await world.must('user', 'getexecutormsg', named, Executor);
    expect(read).toMatchObject({
      state: 0,
      requirefuncreg: true,
      locationname: 'Luleå',
      allocations: more.allocations,
    });
    expect(read.capabilities.software).toEqual(more.capabilities.software);
    expect(read.capabilities.hardware).toMatchObject([{ model: 'm', nodes: 1, cpu: '1000m', cores: 2 }]);
  });

  test('goes through the states that its colony’s owner gives it', async () => {
    const named = await register(world);
    const stateAfter = async (type: string) => {
      await world.do('colonyOwner', type, named);
      return (await world.must('user', 'getexecutormsg', named, Executor)).state;
    };
    expect(await stateAfter('approveexecutormsg')).toBe(1);
    expect(await stateAfter('rejectexecutormsg')).toBe(2);
    expect(await stateAfter('approveexecutormsg')).toBe(1);
    expect(await stateAfter('removeexecutormsg')).toBe(3);
  });

  test('that was removed is still listed, and its name stays taken', async () => {
    const executor = newExecutor(world);
    await world.do('colonyOwner', 'addexecutormsg', { executor });
    const named = { colonyname: executor.colonyname, executorname: executor.executorname };
    await world.do('colonyOwner', 'removeexecutormsg', named);
    const listed = await world.must('user', 'getexecutorsmsg', { colonyname: world.colonyName }, list(Executor));
    expect(listed.find(({ executorname }) => executorname === executor.executorname)?.state).toBe(3);
    const again = await world.ask('colonyOwner', 'addexecutormsg', { executor });
    expect(again.payload).toMatchObject({ status: 400, message: expect.stringContaining('already exists') });
  });

  test('is heard from when it asks for work', async () => {
    const executor = await world.addExecutor();
    await world.ask(executor.identity, 'assignprocessmsg', { colonyname: world.colonyName, timeout: -1 });
    const named = { colonyname: world.colonyName, executorname: executor.name };
    const read = await world.must('user', 'getexecutormsg', named, z.object({ lastheardfromtime: z.string() }));
    expect(read.lastheardfromtime).not.toBe(UNSET);
  });

  test('that is removed leaves its running process to others, with the retries as they were', async () => {
    const first = await world.addExecutor();
    const second = await world.addExecutor({ executortype: first.type });
    const { processid } = await world.submit({}, { executortype: first.type });
    await world.assign(first.identity);
    await world.do('colonyOwner', 'removeexecutormsg', { colonyname: world.colonyName, executorname: first.name });
    expect(await world.process(processid)).toMatchObject({ state: 0, isassigned: false, assignedexecutorid: '' });
    expect(await world.assign(second.identity)).toMatchObject({ processid, retries: 0 });
  });
});
