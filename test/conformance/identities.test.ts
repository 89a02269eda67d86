import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { generateIdentity } from '../../colony/identity.ts';
import { User } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { differing, openWorld, unique, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noSuchColony: Expectation = [400, 'Colony with name <> does not exists'];
const noUser: Expectation = [404, 'Failed to get user by ID, user is nil'];
const Node = z.strictObject({
  name: z.string(),
  host: z.string(),
  port: z.number(),
  peerport: z.number(),
  relayport: z.number(),
  apiport: z.number(),
});

const rows: readonly MessageRow[] = [
  {
    type: 'getclustermsg',
    audience: 'serverOwner',
    request: () => ({}),
    reply: z.strictObject({ nodes: z.array(Node), leader: Node }),
    texts: textsOf('Failed to get cluster info'),
    missing: {},
  },
  {
    type: 'changeserveridmsg',
    audience: 'serverOwner',
    // The same id again: the server keeps its owner.
    request: ({ people }) => ({ serverid: people.serverOwner.id }),
    reply: z.object({ serverid: z.string() }),
    texts: textsOf('Failed to change colony Id'),
    missing: { serverid: [400, 'Failed to change colony Id, colony Id is empty'] },
    cases: {
      'refuses an id that is none': {
        change: { serverid: 'abc' },
        expect: differs('the official server would have no owner any more', {
          official: 'not asked',
          here: [400, 'Failed to change colony Id, new colony Id is not 64 characters'],
        }),
      },
    },
  },
  {
    type: 'changecolonyidmsg',
    audience: 'colonyOwner',
    request: ({ colonyName, people }) => ({ colonyname: colonyName, colonyid: people.colonyOwner.id }),
    reply: z.object({ colonyname: z.string(), colonyid: z.string() }),
    texts: textsOf('Failed to change colony Id'),
    missing: {
      colonyname: [403, 'Empty Colony name'],
      colonyid: [400, 'Failed to change colony Id, colony Id is empty'],
    },
    cases: {
      'refuses an id that is none': {
        change: { colonyid: 'abc' },
        expect: [400, 'Failed to change colony Id, new colony Id is not 64 characters'],
      },
      'refuses a colony that does not exist': {
        change: { colonyname: 'nowhere' },
        expect: [403, 'Colony with name <nowhere> does not exists'],
      },
    },
  },
  {
    type: 'getuserbyidmsg',
    audience: 'looseMember',
    request: ({ colonyName, people }) => ({ colonyname: colonyName, userid: people.user.id }),
    reply: User,
    texts: textsOf('Failed to get user by ID'),
    missing: { colonyname: noSuchColony, userid: noUser },
    cases: {
      'refuses an unknown id': { change: { userid: UNKNOWN_ID }, expect: noUser },
      'refuses an id of another colony': {
        change: ({ colonyName, people }) => ({ colonyname: colonyName, userid: people.neighbour.id }),
        expect: noUser,
      },
    },
  },
];

conformsTo(() => world, rows);

async function addUser() {
  const identity = generateIdentity();
  const user = { colonyname: world.colonyName, userid: identity.id, name: unique('user'), email: '', phone: '' };
  await world.do('colonyOwner', 'addusermsg', { user });
  return { identity, name: user.name };
}

const changeUser = (signer: Parameters<World['ask']>[0], userid: string) =>
  world.ask(signer, 'changeuseridmsg', { colonyname: world.colonyName, userid });

test('a user gives itself another id, whose key then speaks for it', async () => {
  const { identity, name } = await addUser();
  const next = generateIdentity();
  const { payload } = await changeUser(identity, next.id);
  expect(payload).toEqual({ colonyname: world.colonyName, userid: next.id, msgtype: 'changeuseridmsg' });
  const request = { colonyname: world.colonyName, name };
  expect(await world.must(next, 'getusermsg', request, User)).toMatchObject({ userid: next.id });
  expect((await world.ask(identity, 'getusermsg', request)).status).toBe(403);
});

const refusal = (message: string) => ({ status: 400, message: `Failed to change user Id, ${message}` });

test('a new id of a user must be one, and nobody’s', async () => {
  const { identity } = await addUser();
  expect((await changeUser(identity, '')).payload).toEqual(refusal('user Id is empty'));
  expect((await changeUser(identity, 'abc')).payload).toEqual(refusal('new user Id is not 64 characters'));
  expect((await changeUser('executor', generateIdentity().id)).payload).toEqual(refusal('user not found'));
  const other = await addUser();
  const { status } = await changeUser(identity, other.identity.id);
  expect(status).toBe(differing(world, 'nobody takes another’s id', { official: 200, here: 400 }));
});

test('strangers and members of other colonies change no ids', async () => {
  for (const role of ['stranger', 'neighbour', 'colonyOwner', 'serverOwner'] as const) {
    expect((await changeUser(role, generateIdentity().id)).status).toBe(403);
  }
});

test('a colony is handed over with its id', async () => {
  const [owner, next] = [generateIdentity(), generateIdentity()];
  const name = unique('handed');
  await world.do('serverOwner', 'addcolonymsg', { colony: { colonyid: owner.id, name } });
  const request = { colonyname: name, colonyid: next.id };
  expect((await world.ask(owner, 'changecolonyidmsg', request)).payload).toMatchObject(request);
  expect((await world.ask(owner, 'pauseassignmentsmsg', { colonyname: name })).status).toBe(403);
  await world.do(next, 'pauseassignmentsmsg', { colonyname: name });
  await world.do('serverOwner', 'removecolonymsg', { colonyname: name });
});
