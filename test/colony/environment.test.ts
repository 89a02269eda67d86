import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { addressFromUrl, apiUrl, formatAddress, isLoopback, pubSubUrl } from '../../colony/address.ts';
import {
  closeDevelopmentDirectory,
  createDevelopmentColony,
  loadDevelopmentColony,
  saveDevelopmentColony,
  toExportLines,
} from '../../colony/development-colony.ts';
import {
  loadEnvironment,
  requireColonyIdentity,
  requireColonyName,
  requireIdentity,
  requireServerIdentity,
} from '../../colony/environment.ts';
import { UserError } from '../../colony/errors.ts';

const USER_KEY = 'ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05';
const USER_ID = '3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac';

const test = base.extend<{ directory: string }>({
  directory: async ({}, use) => {
    const parent = mkdtempSync(join(tmpdir(), 'sealed-colonies-'));
    await use(join(parent, 'home'));
    rmSync(parent, { recursive: true });
  },
});

describe('the ColonyOS variables', () => {
  test('describe server, colony and keys', () => {
    const environment = loadEnvironment({
      COLONIES_SERVER_HOST: 'colonies.example.org',
      COLONIES_SERVER_HTTP_PORT: '443',
      COLONIES_COLONY_NAME: 'dev',
      COLONIES_PRVKEY: USER_KEY,
      COLONIES_EXECUTOR_NAME: 'me',
      COLONIES_EXECUTOR_TYPE: 'cloud',
    });
    expect(environment).toEqual({
      server: { host: 'colonies.example.org', port: 443, tls: true },
      colonyName: 'dev',
      identity: { privateKey: USER_KEY, id: USER_ID },
      executorName: 'me',
      executorType: 'cloud',
      source: 'environment',
    });
  });

  test('name the port twice; the one of the Go tools wins', () => {
    const both = { COLONIES_SERVER_HTTP_PORT: '1', COLONIES_SERVER_PORT: '2' };
    expect(loadEnvironment(both).server.port).toBe(1);
    expect(loadEnvironment({ ...both, COLONIES_SERVER_HTTP_PORT: '' }).server.port).toBe(2);
    expect(loadEnvironment({ COLONIES_TLS: 'false' }).server.port).toBe(50080);
  });

  test.each([
    [{ COLONIES_SERVER_HOST: 'example.org' }, true],
    [{ COLONIES_SERVER_HOST: 'localhost' }, false],
    [{ COLONIES_SERVER_HOST: '127.0.0.2' }, false],
    [{ COLONIES_SERVER_HOST: '::1' }, false],
    [{ COLONIES_SERVER_HOST: '127.0.0.1.example.org' }, true],
    [{ COLONIES_SERVER_HOST: 'example.org', COLONIES_TLS: 'false' }, false],
    [{ COLONIES_SERVER_HOST: 'localhost', COLONIES_TLS: 'TRUE' }, true],
    [{ COLONIES_SERVER_HOST: 'example.org', COLONIES_SERVER_TLS: 'false' }, false],
    [{ COLONIES_TLS: 'true', COLONIES_SERVER_TLS: 'false' }, true],
  ])('%j: TLS is %s', (env, tls) => {
    expect(loadEnvironment(env).server.tls).toBe(tls);
  });

  test.each([
    [{ COLONIES_SERVER_HTTP_PORT: '50080x' }, 'COLONIES_SERVER_HTTP_PORT: expected a port'],
    [{ COLONIES_SERVER_PORT: '70000' }, 'COLONIES_SERVER_PORT: expected a port'],
    [{ COLONIES_SERVER_PORT: '-1' }, 'COLONIES_SERVER_PORT: expected a port'],
    [{ COLONIES_TLS: 'yes' }, 'COLONIES_TLS: expected true or false'],
    [{ COLONIES_SERVER_HOST: 'http://localhost' }, 'COLONIES_SERVER_HOST: expected a host name'],
    [{ COLONIES_SERVER_HOST: 'localhost:50080' }, 'COLONIES_SERVER_HOST: expected a host name'],
    [{ COLONIES_PRVKEY: 'abc' }, 'COLONIES_PRVKEY: private key: expected 64'],
    [{ COLONIES_COLONY_PRVKEY: '0'.repeat(64) }, 'COLONIES_COLONY_PRVKEY: private key'],
    [{ COLONIES_SERVER_PRVKEY: 'ä' }, 'COLONIES_SERVER_PRVKEY: private key'],
  ])('%j is refused by the name of the variable', (env, words) => {
    expect(() => loadEnvironment(env)).toThrow(UserError);
    expect(() => loadEnvironment(env)).toThrow(words);
  });

  test('of a key are never shown when they are wrong', () => {
    const almost = `${USER_KEY.slice(0, 63)}g`;
    expect(() => loadEnvironment({ COLONIES_PRVKEY: almost })).not.toThrow(almost.slice(0, 16));
  });

  test('that miss something needed are asked for by name', () => {
    const environment = loadEnvironment({ COLONIES_SERVER_HOST: 'localhost' });
    expect(() => requireColonyName(environment)).toThrow('COLONIES_COLONY_NAME: expected the name of a colony');
    expect(() => requireIdentity(environment)).toThrow('COLONIES_PRVKEY: expected');
    expect(() => requireColonyIdentity(environment)).toThrow('COLONIES_COLONY_PRVKEY: expected');
    expect(() => requireServerIdentity(environment)).toThrow('COLONIES_SERVER_PRVKEY: expected');
  });
});

describe('the development colony', () => {
  const address = { host: 'localhost', port: 50080 };

  test('stands in when no variable is set', ({ directory }) => {
    const colony = createDevelopmentColony(directory, address);
    expect(loadEnvironment({ SEALED_COLONIES_HOME: directory })).toEqual({
      server: { host: 'localhost', port: 50080, tls: false },
      colonyName: 'dev',
      identity: colony.userIdentity,
      colonyIdentity: colony.colonyIdentity,
      serverIdentity: colony.serverIdentity,
      source: 'development',
    });
  });

  test('is not looked at when a variable is set', ({ directory }) => {
    createDevelopmentColony(directory, address);
    const env = { SEALED_COLONIES_HOME: directory, COLONIES_COLONY_NAME: 'other' };
    expect(loadEnvironment(env)).toMatchObject({ colonyName: 'other', source: 'environment' });
    expect(loadEnvironment(env)).not.toHaveProperty('identity');
  });

  test('may be missing: then everything has its default, and what needs a key says how to get one', ({ directory }) => {
    const environment = loadEnvironment({}, { directory });
    expect(environment).toEqual({ server: { ...address, tls: false }, colonyName: 'dev', source: 'none' });
    expect(() => requireIdentity(environment)).toThrow('colonies server start');
  });

  test('lies in files that only their owner can read', ({ directory }) => {
    createDevelopmentColony(directory, address);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'development.json')).mode & 0o777).toBe(0o600);
  });

  test('is refused once others may read it', ({ directory }) => {
    createDevelopmentColony(directory, address);
    chmodSync(join(directory, 'development.json'), 0o644);
    expect(() => loadDevelopmentColony(directory)).toThrow(/got mode 644; run "chmod 600/);
  });

  test('closes a directory that others can enter, unless it is used for something else', ({ directory }) => {
    mkdirSync(directory, { mode: 0o755 });
    closeDevelopmentDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    writeFileSync(join(directory, 'thesis.txt'), '');
    chmodSync(directory, 0o755);
    expect(() => closeDevelopmentDirectory(directory)).toThrow(/got mode 755; run "chmod 700/);
    createDevelopmentColony(directory, address);
    closeDevelopmentDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('remembers that its server speaks HTTPS', ({ directory }) => {
    const colony = createDevelopmentColony(directory, address);
    saveDevelopmentColony({ ...colony, server: { ...colony.server, tls: true } });
    expect(loadEnvironment({}, { directory }).server).toEqual({ ...address, tls: true });
  });

  test('is created once', ({ directory }) => {
    createDevelopmentColony(directory, address);
    expect(() => createDevelopmentColony(directory, address)).toThrow('expected no development colony');
  });

  test('can move to another port', ({ directory }) => {
    const colony = createDevelopmentColony(directory, address);
    const moved = { ...colony, server: { ...colony.server, port: 50090 } };
    saveDevelopmentColony(moved);
    expect(loadDevelopmentColony(directory)).toEqual(moved);
  });

  test.each([
    ['no JSON', 'keys'],
    ['a missing key', '{"host":"localhost","port":1,"colonyName":"dev"}'],
    ['a key that is none', JSON.stringify({ host: 'a', port: 1, colonyName: 'd', serverPrivateKey: 'secret' })],
  ])('with %s in its file is refused, without showing it', (_, text) => {
    const directory = mkdtempSync(join(tmpdir(), 'sealed-colonies-'));
    writeFileSync(join(directory, 'development.json'), text, { mode: 0o600 });
    expect(() => loadDevelopmentColony(directory)).toThrow(UserError);
    expect(() => loadDevelopmentColony(directory)).not.toThrow('secret');
    rmSync(directory, { recursive: true });
  });

  test('becomes export lines that describe the same colony', ({ directory }) => {
    const colony = createDevelopmentColony(directory, address);
    const variables = toExportLines(colony).map((line) => line.replace('export ', '').split('='));
    const fromLines = loadEnvironment(Object.fromEntries(variables));
    expect({ ...fromLines, source: 'development' }).toEqual(loadEnvironment({}, { directory }));
    expect(readFileSync(join(directory, 'development.json'), 'utf8')).toContain(colony.userIdentity.privateKey);
  });
});

describe('an address', () => {
  test('becomes the URLs of the server', () => {
    const server = { host: '::1', port: 50080, tls: true };
    expect(apiUrl(server).href).toBe('https://[::1]:50080/api');
    expect(pubSubUrl(server).href).toBe('wss://[::1]:50080/pubsub');
    expect(formatAddress({ host: 'a.example', port: 1, tls: false })).toBe('http://a.example:1');
  });

  test('is read from a URL', () => {
    expect(addressFromUrl(new URL('http://[::1]:50080'))).toEqual({ host: '::1', port: 50080, tls: false });
    expect(addressFromUrl(new URL('https://example.org/api'))).toEqual({ host: 'example.org', port: 443, tls: true });
    expect(() => addressFromUrl(new URL('ftp://example.org'))).toThrow(UserError);
  });

  test('is on this machine only when it says so itself', () => {
    expect(['localhost', '127.0.0.1', '127.9.9.9', '::1'].every(isLoopback)).toBe(true);
    expect(['example.org', '10.0.0.1', '127.evil.example', '0.0.0.0'].some(isLoopback)).toBe(false);
  });
});
