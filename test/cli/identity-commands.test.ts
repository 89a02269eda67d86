import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { type CliColony, run, startCliColony } from './support.ts';

let cli: CliColony;
beforeAll(async () => {
  cli = await startCliColony();
});
afterAll(() => cli[Symbol.asyncDispose]());

describe('locations', () => {
  test('are added with the key of the colony, shown, listed and removed', async () => {
    const argv = ['location', 'add', '--name', 'ushuaia', '--desc', 'the south', '--long', '-68.3', '--lat', '-54.8'];
    expect(await cli.run(argv)).toEqual({ code: 0, stdout: '', stderr: 'Location added: ushuaia\n' });
    expect(await cli.json(['location', 'get', 'ushuaia'])).toMatchObject({ long: -68.3, lat: -54.8 });
    expect((await cli.run(['location', 'get', '--name', 'ushuaia'])).stdout).toMatch(
      /^Name +ushuaia\nLocationId +\w+\nColony +test\nDescription +the south\nLongitude +-68.3\nLatitude +-54.8\n$/u,
    );
    expect((await cli.run(['location', 'ls'])).stdout).toMatch(
      /^NAME +DESCRIPTION +LONG +LAT\nushuaia +the south +-68\.3000 +-54\.8000\n$/u,
    );
    expect((await cli.run(['location', 'remove', 'ushuaia'])).stderr).toBe('Location removed: ushuaia\n');
    expect(await cli.run(['location', 'ls'])).toEqual({ code: 0, stdout: '', stderr: 'No locations found\n' });
    expect(await cli.json(['location', 'ls'])).toEqual([]);
  });

  test('lie on the globe', async () => {
    const { code, stderr } = await cli.run(['location', 'add', '--name', 'x', '--lat', '91']);
    expect(code).toBe(2);
    expect(stderr).toContain('--lat: expected a number from -90 to 90, got 91');
  });

  test.each([['get'], ['remove']])('that the server does not have are named in plain words: %s', async (verb) => {
    const { code, stderr } = await cli.run(['location', verb, 'nowhere']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: location "nowhere": unknown to the server\n' });
  });
});

test('the embedded server is a cluster of one, which it leads', async () => {
  const { code, stdout } = await cli.run(['cluster', 'info']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^NAME +HOST +API PORT +PORT +PEER PORT +RELAY PORT +LEADER\n\S.* yes\n$/u);
  expect(await cli.json(['cluster', 'info'])).toMatchObject({ nodes: [expect.anything()], leader: expect.anything() });
});

describe('another key', () => {
  test('of an executor takes the place of the old one', async () => {
    const { identity, name } = await cli.colony.addExecutor('moving');
    const next = generateIdentity();
    const changed = await cli.run(['executor', 'chid', next.id, '--prvkey', identity.privateKey]);
    expect(changed).toEqual({ code: 0, stdout: '', stderr: `Executor id changed: ${next.id}\n` });
    expect((await cli.run(['executor', 'get', name, '--prvkey', next.privateKey])).stdout).toContain(next.id);
    expect((await cli.run(['executor', 'get', name, '--prvkey', identity.privateKey])).code).toBe(1);
  });

  test('of a user takes the place of the old one', async () => {
    const [before, after] = [generateIdentity(), generateIdentity()];
    await cli.run(['user', 'add', '--name', 'eve', '--userid', before.id]);
    const changed = await cli.run(['user', 'chid', '--userid', after.id, '--prvkey', before.privateKey]);
    expect(changed).toEqual({ code: 0, stdout: '', stderr: `User id changed: ${after.id}\n` });
    expect((await cli.run(['user', 'get', 'eve', '--prvkey', after.privateKey])).stdout).toContain(after.id);
    expect((await cli.run(['user', 'get', 'eve', '--prvkey', before.privateKey])).code).toBe(1);
  });

  test('of a malformed id is refused', async () => {
    const { code, stderr } = await cli.run(['user', 'chid', 'short']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the server refused \(\d+\): /u);
  });

  test('of the colony and of the server take the place of the old ones', async () => {
    await using own = await startCliColony();
    const [colony, server] = [generateIdentity(), generateIdentity()];
    expect(await own.json(['colony', 'chid', colony.id])).toEqual({ colonyName: 'test', colonyId: colony.id });
    expect((await own.run(['process', 'pause'])).code).toBe(1);
    expect((await own.run(['process', 'pause', '--colonyprvkey', colony.privateKey])).code).toBe(0);
    expect((await own.run(['server', 'chid', server.id])).stderr).toBe(`Server id changed: ${server.id}\n`);
    expect((await own.run(['server', 'stats'])).code).toBe(1);
    expect((await own.run(['server', 'stats', '--serverprvkey', server.privateKey])).code).toBe(0);
  });
});

test.each([
  [['cluster', 'info'], 'COLONIES_SERVER_PRVKEY'],
  [['server', 'chid', 'a'.repeat(64)], 'COLONIES_SERVER_PRVKEY'],
  [['colony', 'chid', 'a'.repeat(64)], 'COLONIES_COLONY_PRVKEY'],
  [['location', 'add', '--name', 'x'], 'COLONIES_COLONY_PRVKEY'],
  [['user', 'chid', 'a'.repeat(64)], 'COLONIES_PRVKEY'],
])('a key that is missing is named with its variable: %j', async (argv, variable) => {
  const { code, stderr } = await run(argv, { env: { ...cli.env, [variable]: undefined } });
  expect(code).toBe(1);
  expect(stderr).toContain(`${variable}: expected the private key of`);
});
