import { afterAll, beforeAll } from 'vitest';
import { list, Nothing, Process } from './shapes.ts';
import { conformsTo, differs, EMPTY_ANSWER, type Expectation, type MessageRow, textsOf } from './table.ts';
import { openWorld, type Role, specOf, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];
const nowhere: Expectation = [403, 'Colony with name <nowhere> does not exists'];

const submitted = async (place: World) => ({ processid: (await place.submit()).processid });
const running = async (place: World) => ({ processid: (await place.running()).processid });

const submitRow: MessageRow = {
  type: 'submitfuncspecmsg',
  audience: 'member',
  request: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody') }),
  reply: Process,
  texts: textsOf('Failed to submit process', 'Failed to submit process spec'),
  missing: { spec: [400, 'Failed to submit process spec, msg.FunctionSpec is nil'] },
  cases: {
    'refuses a colony that does not exist': { change: () => ({ spec: specOf('nowhere', 'nobody') }), expect: nowhere },
    'refuses a spec without conditions': { change: { spec: { funcname: 'f' } }, expect: noColony },
    'refuses a spec for another colony': {
      change: ({ neighbourName }) => ({ spec: specOf(neighbourName, 'nobody') }),
      expect: [403, /^403 Access denied, not a member of Colony with name <neighbour-/u],
    },
    'refuses a priority above the range': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { priority: 50_001 }) }),
      expect: [400, 'Failed to submit function spec, priority outside range [-50000, 50000]'],
    },
    'refuses a priority below the range': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { priority: -50_001 }) }),
      expect: [400, 'Failed to submit function spec, priority outside range [-50000, 50000]'],
    },
    'takes priorities at the ends of the range': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { priority: -50_000 }) }),
      expect: 'answered',
    },
    'takes a function without a name': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { funcname: '' }) }),
      expect: 'answered',
    },
    'refuses an amount of processors that is none': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', {}, { cpu: '1.5m' }) }),
      expect: [400, 'Error converting CPU to int'],
    },
    'refuses an amount of memory that is none': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', {}, { mem: 'lots' }) }),
      expect: [400, /^400 error converting memory to int: strconv.ParseInt: parsing ".*": invalid syntax$/u],
    },
    'refuses arguments that are no list': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { args: { a: 1 } }) }),
      expect: [400, 'Failed to submit process, invalid JSON'],
    },
    'refuses null among names of executors': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', {}, { executornames: [null] }) }),
      expect: differs('an executor without name is none', {
        official: 'answered',
        here: [400, 'Failed to submit process, invalid JSON'],
      }),
    },
    'refuses an environment of numbers': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { env: { A: 1 } }) }),
      expect: [400, 'Failed to submit process, invalid JSON'],
    },
    'refuses a limit that is no integer': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { maxexectime: 1.5 }) }),
      expect: [400, 'Failed to submit process, invalid JSON'],
    },
    'refuses directories that are no objects': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { fs: { mount: '', dirs: ['/x'] } }) }),
      expect: [400, 'Failed to submit process, invalid JSON'],
    },
    'takes null for every list and map': {
      change: ({ colonyName }) => ({
        spec: specOf(
          colonyName,
          'nobody',
          { args: null, kwargs: null, env: null, channels: null, fs: null, label: null },
          { executornames: null, dependencies: null, gpu: null, locationname: null },
        ),
      }),
      expect: 'answered',
    },
    'takes keys that it does not know': {
      change: ({ colonyName }) => ({ spec: specOf(colonyName, 'nobody', { later: 1 }), unknown: true }),
      expect: 'answered',
    },
  },
};

const assignTexts = [
  'Failed to assign process, invalid JSON',
  'Failed to assign process, msg.msgType does not match payloadType',
] as const;
const nothingThere: Expectation = [404, 'No process available for assignment'];

const assignRow: MessageRow = {
  type: 'assignprocessmsg',
  audience: 'member',
  by: 'executor',
  async request(place, caller) {
    const { colonyName, executorType } = place;
    if (caller === 'executor') {
      await place.do('user', 'submitfuncspecmsg', { spec: specOf(colonyName, executorType) });
    }
    return { colonyname: colonyName, timeout: -1, availablecpu: '1000m', availablemem: '1Gi' };
  },
  reply: Process,
  texts: assignTexts,
  roles: { user: [500, 'Failed to assign process, executor not found'] },
  missing: {
    colonyname: noColony,
    timeout: [400, 'Invalid timeout value, timeout cannot be zero'],
    availablecpu: 'answered',
    availablemem: 'answered',
  },
  cases: {
    'refuses to wait for no time': {
      change: (_world, request) => ({ ...request, timeout: 0 }),
      expect: [400, 'Invalid timeout value, timeout cannot be zero'],
    },
    'refuses an amount of processors that is none': {
      change: (_world, request) => ({ ...request, availablecpu: 'x' }),
      expect: differs('amounts are read or refused', {
        official: 'answered',
        here: [400, 'Error converting CPU to int'],
      }),
    },
    'refuses an amount of memory that is none': {
      change: (_world, request) => ({ ...request, availablemem: 'x' }),
      expect: [400, /^400 error converting memory/u],
    },
    'refuses a colony to which the executor does not belong': {
      change: ({ neighbourName }, request) => ({ ...request, colonyname: neighbourName }),
      expect: [403, /^403 Access denied, not a member of Colony with name <neighbour-/u],
    },
    'finds nothing for an executor that offers less than nothing': {
      change: (_world, request) => ({ ...request, availablecpu: '-1m' }),
      expect: nothingThere,
    },
  },
};

const readRows: readonly MessageRow[] = [
  {
    type: 'getprocessmsg',
    audience: 'member',
    request: submitted,
    reply: Process,
    texts: textsOf('Failed to get process'),
    missing: { processid: [404, 'Failed to get process, process not found'] },
    cases: {
      'refuses an unknown id': {
        change: { processid: UNKNOWN_ID },
        expect: [404, 'Failed to get process, process not found'],
      },
    },
  },
  {
    type: 'getprocessesmsg',
    audience: 'member',
    async request(place) {
      await place.submit({ label: 'l' });
      return {
        colonyname: place.colonyName,
        count: 10,
        state: 0,
        executortype: 'nobody',
        label: 'l',
        initiator: place.names.user,
      };
    },
    reply: list(Process),
    texts: textsOf('Failed to get processes'),
    missing: {
      colonyname: noColony,
      count: 'answered',
      state: 'answered',
      executortype: 'answered',
      label: 'answered',
      initiator: 'answered',
    },
    cases: {
      'refuses to list more than 100': {
        change: (_world, request) => ({ ...request, count: 101 }),
        expect: [400, 'Count is larger than MaxCount limit <100>'],
      },
      'refuses a negative count': {
        change: ({ colonyName }) => ({ colonyname: colonyName, count: -1, state: 0 }),
        expect: differs('our own words', {
          official: [400, 'pq: LIMIT must not be negative'],
          here: [400, 'Count must not be negative'],
        }),
      },
      'refuses a state below the range': {
        change: ({ colonyName }) => ({ colonyname: colonyName, count: 1, state: -1 }),
        expect: [400, 'Failed to get processes, invalid msg.State'],
      },
      'refuses a state above the range': {
        change: ({ colonyName }) => ({ colonyname: colonyName, count: 1, state: 5 }),
        expect: [400, 'Failed to get processes, invalid msg.State'],
      },
      'refuses an initiator of another colony': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, count: 1, state: 0, initiator: names.neighbour }),
        expect: [400, 'User <neighbour> does not exist'],
      },
      'refuses an initiator that does not exist': {
        change: ({ colonyName }) => ({ colonyname: colonyName, count: 1, state: 0, initiator: 'bob' }),
        expect: [400, 'User <bob> does not exist'],
      },
    },
  },
  {
    type: 'getprocesshistmsg',
    audience: 'member',
    request: ({ colonyName, people }) => ({
      colonyname: colonyName,
      executorid: people.executor.id,
      seconds: 10,
      state: 1,
    }),
    reply: list(Process),
    texts: textsOf('Failed to get process hist', 'Failed to get process history'),
    roles: Object.fromEntries(
      (['stranger', 'pending', 'neighbour', 'neighbourExecutor', 'colonyOwner', 'serverOwner'] as const).map(
        (role: Role) => [
          role,
          differs('strangers are told why', {
            official: EMPTY_ANSWER,
            here: [403, 'Access denied, not a member of Colony with name <{colony}>'],
          }),
        ],
      ),
    ),
    missing: {
      colonyname: differs('strangers are told why', {
        official: EMPTY_ANSWER,
        here: [403, 'Colony with name <> does not exists'],
      }),
      executorid: 'answered',
      seconds: 'answered',
      state: 'answered',
    },
    cases: { 'finds nothing in a state that there is not': { change: { state: -1 }, expect: 'answered' } },
  },
];

/** A message that ends a process or stores what it has produced. */
function closeRow(type: string, key: string, value: unknown, failure: string, texts: MessageRow['texts']): MessageRow {
  const nil: Expectation = [500, `${failure}, process is nil`];
  const ending = type === 'closefailedmsg' ? 'failed' : 'successful';
  const notAllowed = `Failed to close process as ${ending}, not allowed to close process as ${ending}`;
  return {
    type,
    audience: 'member',
    by: 'executor',
    request: async (place) => ({ ...(await running(place)), [key]: value }),
    reply: Nothing,
    texts,
    roles: { user: [403, notAllowed] },
    missing: { processid: nil, [key]: 'answered' },
    cases: {
      'refuses an unknown id': { change: { processid: UNKNOWN_ID }, expect: nil },
      'refuses a process that is not assigned': {
        change: submitted,
        expect:
          type === 'setoutputmsg'
            ? [403, notAllowed]
            : [403, `Failed to close process as ${ending}, process is not assigned`],
      },
    },
  };
}

const closeRows: readonly MessageRow[] = [
  closeRow(
    'closesuccessfulmsg',
    'out',
    ['o', 1, { a: null }],
    'Failed to close process as successful',
    textsOf('Failed to close successful', 'Failed to close process as successful'),
  ),
  closeRow(
    'closefailedmsg',
    'errors',
    ['boom'],
    'Failed to close process as failed',
    textsOf('Failed to close failed', 'Failed to close process as failed'),
  ),
  closeRow('setoutputmsg', 'out', ['o'], 'Failed to set output', textsOf('Failed to set output')),
];

const cancelRow: MessageRow = {
  type: 'cancelprocessmsg',
  audience: 'member',
  request: submitted,
  reply: Nothing,
  texts: textsOf('Failed to cancel process'),
  missing: { processid: [500, 'Failed to cancel process, process is nil'] },
  cases: {
    'refuses an unknown id': {
      change: { processid: UNKNOWN_ID },
      expect: [500, 'Failed to cancel process, process is nil'],
    },
    'refuses a member of a workflow': {
      change: async (place) => ({ processid: (await place.submitWorkflow({ a: [] })).processids[0] }),
      expect: [400, 'Failed to cancel, cannot cancel a process part of a workflow, cancel the entire workflow instead'],
    },
    'cancels a running process': { change: running, expect: 'answered' },
    'refuses a process that was cancelled': {
      change: async (place) => {
        const { processid } = await submitted(place);
        await place.do('user', 'cancelprocessmsg', { processid });
        return { processid };
      },
      expect: [400, 'Tried to cancel already cancelled process'],
    },
  },
};

const removeRows: readonly MessageRow[] = [
  {
    type: 'removeprocessmsg',
    audience: 'member',
    request: submitted,
    reply: Nothing,
    texts: textsOf('Failed to remove process'),
    missing: { processid: [500, 'Failed to remove process, process is nil'] },
    cases: {
      'refuses an unknown id': {
        change: { processid: UNKNOWN_ID },
        expect: [500, 'Failed to remove process, process is nil'],
      },
      'refuses a member of a workflow': {
        change: async (place) => ({ processid: (await place.submitWorkflow({ a: [] })).processids[0] }),
        expect: [
          400,
          'Failed to remove, cannot remove a process part of a workflow, delete the entire workflow instead',
        ],
      },
      'refuses a running process': {
        change: running,
        expect: [400, 'Failed to remove process, cannot remove a running process'],
      },
    },
  },
  {
    type: 'removeallprocessesmsg',
    audience: 'colonyOwner',
    request: ({ colonyName }) => ({ colonyname: colonyName, state: 4 }),
    reply: Nothing,
    texts: textsOf('Failed to remove all processes'),
    missing: { colonyname: [403, 'Empty Colony name'], state: 'answered' },
    cases: {
      'refuses to remove what runs': {
        change: (_world, request) => ({ ...request, state: 1 }),
        expect: [400, 'Not possible to remove running processes'],
      },
      'refuses a state that there is not': {
        change: (_world, request) => ({ ...request, state: 5 }),
        expect: [400, 'Invalid state when deleting all processes'],
      },
      'refuses a colony that does not exist': {
        change: { colonyname: unique('nowhere'), state: 4 },
        expect: [403, /nowhere/u],
      },
    },
  },
];

conformsTo(() => world, [submitRow, assignRow, ...readRows, ...closeRows, cancelRow, ...removeRows]);
