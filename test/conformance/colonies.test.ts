import { afterAll, beforeAll } from 'vitest';
import * as z from 'zod';
import { generateIdentity } from '../../colony/identity.ts';
import { Colony, list, Nothing, Statistics, User } from './shapes.ts';
import { conformsTo, differs, EMPTY_ANSWER, type Expectation, type MessageRow, textsOf } from './table.ts';
import { openWorld, unique, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  for (const name of founded) await world.ask('serverOwner', 'removecolonymsg', { colonyname: name });
  await world[Symbol.asyncDispose]();
});

const founded: string[] = [];

/** A colony that is removed in the end, if it is there then. */
function newColony() {
  const name = unique('more');
  founded.push(name);
  return { colonyid: generateIdentity().id, name };
}

const inColony = ({ colonyName }: World) => ({ colonyname: colonyName });
const noColony: Expectation = [403, 'Colony with name <> does not exists'];
const emptyName: Expectation = [403, 'Empty Colony name'];
/** The messages about users tell everybody whether a colony exists. */
const notNamed: Expectation = [400, 'Colony with name <> does not exists'];
const nowhere = {
  'refuses a colony that does not exist': {
    change: { colonyname: 'nowhere' },
    expect: [400, 'Colony with name <nowhere> does not exists'],
  },
} as const;
const unknownColony = {
  'refuses a colony that does not exist': {
    change: { colonyname: 'nowhere' },
    expect: [403, 'Colony with name <nowhere> does not exists'],
  },
} as const;

const serverRows: readonly MessageRow[] = [
  {
    type: 'getstatisticsmsg',
    audience: 'serverOwner',
    request: () => ({}),
    reply: Statistics,
    texts: textsOf('Failed to get statistics', 'Failed to get server version'),
    missing: {},
  },
  {
    type: 'addcolonymsg',
    audience: 'serverOwner',
    request: () => ({ colony: newColony() }),
    reply: Colony,
    texts: textsOf('Failed to add colony'),
    missing: { colony: [400, 'Failed to add colony, colony is <nil>'] },
    cases: {
      'refuses an id that is none': {
        change: { colony: { colonyid: 'abc', name: 'c' } },
        expect: [400, 'Failed to add colony, invalid colony Id length'],
      },
      'refuses a name that is taken': {
        change: ({ colonyName }) => ({ colony: { colonyid: generateIdentity().id, name: colonyName } }),
        expect: [400, 'A Colony with name <{colony}> already exists'],
      },
    },
  },
  {
    type: 'removecolonymsg',
    audience: 'serverOwner',
    async request(place) {
      const colony = newColony();
      await place.do('serverOwner', 'addcolonymsg', { colony });
      return { colonyname: colony.name };
    },
    reply: Nothing,
    texts: textsOf('Failed to remove colony'),
    missing: { colonyname: [400, 'Colony with name <> not found'] },
    cases: {
      'refuses a colony that does not exist': {
        change: { colonyname: 'nowhere' },
        expect: [400, 'Colony with name <nowhere> not found'],
      },
    },
  },
  {
    type: 'getcoloniesmsg',
    audience: 'serverOwner',
    request: () => ({}),
    reply: list(Colony),
    texts: textsOf('Failed to get colonies'),
    missing: {},
  },
];

const silence = differs('strangers are told why', {
  official: EMPTY_ANSWER,
  here: [403, 'Access denied, not a member of Colony with name <{colony}>'],
});

const colonyRows: readonly MessageRow[] = [
  {
    type: 'getcolonymsg',
    audience: 'member',
    request: inColony,
    reply: Colony,
    texts: textsOf('Failed to get colony'),
    missing: { colonyname: noColony },
    cases: unknownColony,
  },
  {
    type: 'getcolonystatsmsg',
    audience: 'member',
    request: inColony,
    reply: Statistics,
    texts: textsOf('Failed to get colony statistics'),
    missing: { colonyname: [400, 'Colony with name <> not found'] },
    roles: {
      stranger: silence,
      pending: silence,
      neighbour: silence,
      neighbourExecutor: silence,
      colonyOwner: silence,
      serverOwner: silence,
    },
  },
  {
    type: 'pauseassignmentsmsg',
    audience: 'colonyOwner',
    request: inColony,
    reply: Nothing,
    texts: textsOf('Failed to pause assignments'),
    missing: { colonyname: emptyName },
    cases: unknownColony,
  },
  {
    type: 'resumeassignmentsmsg',
    audience: 'colonyOwner',
    request: inColony,
    reply: Nothing,
    texts: textsOf('Failed to resume assignments'),
    missing: { colonyname: emptyName },
    cases: unknownColony,
  },
  {
    type: 'getpausestatusmsg',
    audience: 'looseMember',
    request: inColony,
    reply: z.strictObject({
      msgtype: z.literal('pausestatusreplymsg'),
      colonyname: z.string(),
      ispaused: z.boolean(),
    }),
    replyType: 'pausestatusreplymsg',
    texts: textsOf('Failed to get pause status'),
    missing: { colonyname: noColony },
    cases: unknownColony,
  },
];

const newUser = ({ colonyName }: World) => ({
  colonyname: colonyName,
  userid: generateIdentity().id,
  name: unique('user'),
  email: 'e@example.org',
  phone: '0',
});

async function addUser(place: World) {
  const user = newUser(place);
  await place.do('colonyOwner', 'addusermsg', { user });
  return user;
}

const userRows: readonly MessageRow[] = [
  {
    type: 'addusermsg',
    audience: 'colonyOwner',
    request: (place) => ({ user: newUser(place) }),
    reply: User,
    texts: textsOf('Failed to add user'),
    missing: { user: [400, 'Failed to add user, executor is nil'] },
    cases: {
      'refuses an id that is taken': {
        change: async (place) => ({ user: { ...newUser(place), userid: (await addUser(place)).userid } }),
        expect: differs('one key, one user', {
          official: 'answered',
          here: [400, /^400 A user with Id <[0-9a-f]{64}> already exists in Colony with name <colony-/u],
        }),
      },
      'refuses a name that is taken': {
        change: (place) => ({ user: { ...newUser(place), name: place.names.user } }),
        expect: [400, 'A user with name <user> already exists in Colony with name <{colony}>'],
      },
      'refuses a colony that does not exist': {
        change: (place) => ({ user: { ...newUser(place), colonyname: 'nowhere' } }),
        expect: [400, 'Colony with name <nowhere> does not exists'],
      },
      'refuses a user without colony': {
        change: (place) => ({ user: { ...newUser(place), colonyname: '' } }),
        expect: notNamed,
      },
    },
  },
  {
    type: 'getusersmsg',
    audience: 'looseMember',
    request: inColony,
    reply: list(User),
    texts: textsOf('Failed to get users'),
    missing: { colonyname: notNamed },
    cases: nowhere,
  },
  {
    type: 'getusermsg',
    audience: 'looseMember',
    request: ({ colonyName, names }) => ({ colonyname: colonyName, name: names.user }),
    reply: User,
    texts: textsOf('Failed to get user'),
    missing: { colonyname: notNamed, name: [500, 'Failed to get user, user is nil'] },
    cases: {
      ...nowhere,
      'refuses a name that nobody has': { change: { name: 'x' }, expect: [500, 'Failed to get user, user is nil'] },
      'refuses a name of another colony': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, name: names.neighbour }),
        expect: [500, 'Failed to get user, user is nil'],
      },
    },
  },
  {
    type: 'removeusermsg',
    audience: 'colonyOwner',
    async request(place) {
      const { colonyname, name } = await addUser(place);
      return { colonyname, name };
    },
    reply: Nothing,
    texts: textsOf('Failed to remove user'),
    missing: { colonyname: notNamed, name: [400, 'User with name <> not found'] },
    cases: {
      ...nowhere,
      'refuses a name that nobody has': { change: { name: 'x' }, expect: [400, 'User with name <x> not found'] },
      'refuses a name of another colony': {
        change: ({ colonyName, names }) => ({ colonyname: colonyName, name: names.neighbour }),
        expect: [400, 'User with name <neighbour> not found'],
      },
    },
  },
];

conformsTo(() => world, [...serverRows, ...colonyRows, ...userRows]);
