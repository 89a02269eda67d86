import { expect, test } from 'vitest';
import { getBlueprintDefinitions, getBlueprints } from '../../colony/messages/blueprints.ts';
import { addLocation, getLocation, getLocations, removeLocation } from '../../colony/messages/locations.ts';
import { gatherCallers, NON_LOOSE_MEMBERS, NON_OWNERS, refusal, refusedCallers } from '../support/roster.ts';
import { rpcRaw } from '../support/rpc.ts';
import { quick } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

const colonyName = 'test';
const place = (name: string, more: object = {}) => ({
  locationId: '',
  name,
  colonyName,
  description: 'the hospital in the south',
  longitude: 15.2066,
  latitude: 59.2741,
  ...more,
});
const named = (name: string) => ({ colonyName, name });
const add = (colony: TestColony, name: string, more: object = {}) =>
  colony.call(colony.colonyOwner, addLocation, { location: place(name, more) });

test('owners of the colony add and remove locations, members in whatever state look at them', async () => {
  await using colony = await startTestColony(quick);
  const callers = await gatherCallers(colony);
  const refused = (message: typeof getLocation | typeof removeLocation) =>
    refusedCallers(colony, callers, message, { colonyName, name: 'x' });
  expect(await refusedCallers(colony, callers, addLocation, { location: place('x') })).toEqual(NON_OWNERS);
  expect(await refused(removeLocation)).toEqual(NON_OWNERS);
  expect(await refusedCallers(colony, callers, getLocations, { colonyName })).toEqual(NON_LOOSE_MEMBERS);
  expect(await refused(getLocation)).toEqual(NON_LOOSE_MEMBERS);
});

test('a location is found by name, listed, and removed', async () => {
  await using colony = await startTestColony(quick);
  const list = () => colony.call(colony.user, getLocations, { colonyName });
  expect(await list()).toEqual([]);
  const south = await add(colony, 'south');
  const north = await add(colony, 'north', { locationId: 'chosen', longitude: -180, latitude: -90, description: '' });
  expect(south).toEqual(place('south', { locationId: expect.stringMatching(/^[0-9a-f]{64}$/u) as unknown }));
  expect(north.locationId).toBe('chosen');
  expect(await list()).toEqual([north, south]);
  expect(await colony.call(colony.user, getLocation, named('south'))).toEqual(south);
  await colony.call(colony.colonyOwner, removeLocation, named('south'));
  expect(await list()).toEqual([north]);
  await expect(colony.call(colony.user, getLocation, named('south'))).rejects.toEqual(
    refusal(404, 'Failed to get location, location is nil'),
  );
  await expect(colony.call(colony.colonyOwner, removeLocation, named('south'))).rejects.toEqual(
    refusal(400, 'Location with name <south> not found'),
  );
});

test('a location has a name of its own, a place on earth and a colony', async () => {
  await using colony = await startTestColony(quick);
  await add(colony, 'south');
  await expect(add(colony, 'south')).rejects.toEqual(
    refusal(400, 'A location with name <south> already exists in Colony with name <test>'),
  );
  await expect(add(colony, 'x', { colonyName: 'nowhere' })).rejects.toEqual(
    refusal(400, 'Colony with name <nowhere> does not exists'),
  );
  const wrong = [{ longitude: 181 }, { latitude: -91 }, { description: 'x'.repeat(2001) }, { description: 'a\u202Eb' }];
  for (const more of wrong) await expect(add(colony, 'x', more)).rejects.toMatchObject({ status: 400 });
  for (const name of ['', 'a:b', 'a\nb']) await expect(add(colony, name)).rejects.toMatchObject({ status: 400 });
  const send = (inner: object) => rpcRaw(colony.address, colony.colonyOwner, 'addlocationmsg', inner);
  await expect(send({})).rejects.toEqual(refusal(400, 'Failed to add location, location is nil'));
  await expect(send({ location: { ...place('y'), long: 'east' } })).rejects.toEqual(
    refusal(400, 'Failed to add location, invalid JSON'),
  );
});

test('there are no blueprints, for members and owners; others are refused, and so is making one', async () => {
  await using colony = await startTestColony(quick);
  const callers = await gatherCallers(colony);
  const outsiders = ['stranger', 'serverOwner', 'pending', 'neighbour'];
  const all = { colonyName, kind: '', locationName: '' };
  expect(await refusedCallers(colony, callers, getBlueprints, all)).toEqual(outsiders);
  expect(await refusedCallers(colony, callers, getBlueprintDefinitions, { colonyName })).toEqual(outsiders);
  expect(await colony.call(colony.user, getBlueprints, all)).toEqual([]);
  expect(await colony.call(colony.colonyOwner, getBlueprintDefinitions, { colonyName })).toEqual([]);
  await expect(rpcRaw(colony.address, colony.user, 'addblueprintmsg', { blueprint: {} })).rejects.toMatchObject({
    status: 501,
    serverMessage: expect.stringContaining('offers no blueprints') as unknown,
  });
});
