import { afterAll, beforeAll, expect, test } from 'vitest';
import { list, Location, Nothing } from './shapes.ts';
import { conformsTo, type Expectation, type MessageRow, textsOf } from './table.ts';
import { openWorld, unique, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const notNamed: Expectation = [400, 'Colony with name <> does not exists'];
const nowhere = {
  'refuses a colony that does not exist': {
    change: { colonyname: 'nowhere' },
    expect: [400, 'Colony with name <nowhere> does not exists'],
  },
} as const;

const newLocation = ({ colonyName }: World) => ({
  colonyname: colonyName,
  name: unique('place'),
  description: 'd',
  long: 22.15,
  lat: 65.58,
});

async function added(place: World) {
  const location = newLocation(place);
  await place.do('colonyOwner', 'addlocationmsg', { location });
  return { colonyname: location.colonyname, name: location.name };
}

const rows: readonly MessageRow[] = [
  {
    type: 'addlocationmsg',
    audience: 'colonyOwner',
    request: (place) => ({ location: newLocation(place) }),
    reply: Location,
    texts: textsOf('Failed to add location'),
    missing: { location: [400, 'Failed to add location, location is nil'] },
    cases: {
      'refuses a colony that does not exist': {
        change: (place) => ({ location: { ...newLocation(place), colonyname: 'nowhere' } }),
        expect: [400, 'Colony with name <nowhere> does not exists'],
      },
    },
  },
  {
    type: 'getlocationsmsg',
    audience: 'looseMember',
    request: ({ colonyName }) => ({ colonyname: colonyName }),
    reply: list(Location),
    texts: textsOf('Failed to get locations'),
    missing: { colonyname: notNamed },
    cases: nowhere,
  },
  {
    type: 'getlocationmsg',
    audience: 'looseMember',
    request: added,
    reply: Location,
    texts: textsOf('Failed to get location'),
    missing: { colonyname: notNamed, name: [404, 'Failed to get location, location is nil'] },
    cases: {
      ...nowhere,
      'refuses an unknown name': { change: { name: 'x' }, expect: [404, 'Failed to get location, location is nil'] },
      'refuses a name of another colony': {
        by: 'neighbour',
        change: ({ neighbourName }, request) => ({ ...request, colonyname: neighbourName }),
        expect: [404, 'Failed to get location, location is nil'],
      },
    },
  },
  {
    type: 'removelocationmsg',
    audience: 'colonyOwner',
    request: added,
    reply: Nothing,
    texts: textsOf('Failed to remove location'),
    missing: { colonyname: notNamed, name: [400, 'Location with name <> not found'] },
    cases: {
      ...nowhere,
      'refuses an unknown name': { change: { name: 'x' }, expect: [400, 'Location with name <x> not found'] },
    },
  },
];

conformsTo(() => world, rows);

test('a location keeps what it was added with, and its name is taken', async () => {
  const location = newLocation(world);
  const answer = await world.must('colonyOwner', 'addlocationmsg', { location }, Location);
  expect(answer).toMatchObject(location);
  const named = { colonyname: location.colonyname, name: location.name };
  expect(await world.must('pending', 'getlocationmsg', named, Location)).toEqual(answer);
  const again = await world.ask('colonyOwner', 'addlocationmsg', { location });
  const message = `A location with name <${location.name}> already exists in Colony with name <${world.colonyName}>`;
  expect(again.payload).toEqual({ status: 400, message });
});
