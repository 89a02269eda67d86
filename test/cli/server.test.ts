import { get } from 'node:https';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { readTreatment } from '../../cli/views/server-options.ts';
import { loadDevelopmentColony } from '../../colony/development-colony.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { freshBytes, putBlob } from '../support/blob-requests.ts';
import certificate from '../vectors/loopback-certificate.json' with { type: 'json' };
import renewed from '../vectors/renewed-certificate.json' with { type: 'json' };
import { until } from '../support/processes.ts';
import { run, type Run, temporaryDirectory } from './support.ts';

/** A server that runs until it is disposed of. */
interface StartedServer extends AsyncDisposable {
  readonly env: Record<string, string>;
  stop(): Promise<Run>;
}

/** Runs `server start` in this process, in a directory of its own. */
async function startServer(
  directory: string,
  flags: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<StartedServer> {
  const env = { SEALED_COLONIES_HOME: directory, ...variables };
  const interruption = new AbortController();
  const listening = deferred();
  const ended = run(['server', 'start', '--port', '0', ...flags], {
    env,
    signal: interruption.signal,
    onTalk: (text) => {
      if (text.includes('Ctrl-C stops the server')) listening.resolve();
    },
  });
  await Promise.race([listening.promise, ended]);
  const stop = (): Promise<Run> => {
    interruption.abort();
    return ended;
  };
  return { env, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

function deferred() {
  const settle: { resolve?: () => void } = {};
  const promise = new Promise<void>((done) => {
    settle.resolve = done;
  });
  return { promise, resolve: () => settle.resolve?.() };
}

describe('server start', () => {
  test('makes a development colony that all other commands use, and stops gracefully', async () => {
    await using directory = await temporaryDirectory();
    const home = join(directory.path, 'home');
    const server = await startServer(home);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await stat(join(home, 'development.json'))).mode & 0o777).toBe(0o600);
    const status = await run(['server', 'status', '--json'], { env: server.env });
    expect(JSON.parse(status.stdout)).toMatchObject({
      colonyName: 'dev',
      keysFrom: 'development',
      statistics: { executors: 0 },
    });
    expect((await run(['user', 'ls'], { env: server.env })).stdout).toContain('developer');
    const { code, stdout, stderr } = await server.stop();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('The server has stopped.');
    const away = await run(['server', 'status'], { env: server.env });
    expect(away.code).toBe(1);
    expect(away.stderr).toContain('expected an answer of the Colonies server at http://127.0.0.1:');
  });

  test('keeps its colony and its work over a restart', async () => {
    await using directory = await temporaryDirectory();
    const first = await startServer(directory.path);
    const submitted = await run(['function', 'exec', '--func', 'f', '--targettype', 'x'], { env: first.env });
    await first.stop();
    await using second = await startServer(directory.path);
    const listed = await run(['process', 'psw', '--ids'], { env: second.env });
    expect(listed.stdout).toContain(submitted.stdout.trim());
  });

  test('shows private keys on request only', async () => {
    await using directory = await temporaryDirectory();
    const quiet = await startServer(directory.path);
    const colony = loadDevelopmentColony(directory.path);
    const secrets = [colony?.serverIdentity, colony?.colonyIdentity, colony?.userIdentity].map(
      (identity) => identity?.privateKey ?? '?',
    );
    const { stdout, stderr } = await quiet.stop();
    for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
    const exporting = await startServer(directory.path, ['--export']);
    const exported = (await exporting.stop()).stdout;
    for (const secret of secrets) expect(exported).toContain(secret);
    expect(
      exported
        .trim()
        .split('\n')
        .every((line) => /^export COLONIES_[A-Z_]+=\S+$/u.test(line)),
    ).toBe(true);
    const env = await run(['server', 'env'], { env: quiet.env });
    expect(env.stdout.split('\n').slice(4)).toEqual(exported.split('\n').slice(4));
    const json = await run(['server', 'env', '--json'], { env: quiet.env });
    expect(JSON.parse(json.stdout)).toMatchObject({ COLONIES_PRVKEY: colony?.userIdentity.privateKey });
  });

  test('warns that ColonyOS variables lead other commands elsewhere', async () => {
    await using directory = await temporaryDirectory();
    const interruption = new AbortController();
    const { code, stderr } = await run(['server', 'start', '--port', '0'], {
      env: { SEALED_COLONIES_HOME: directory.path, COLONIES_SERVER_HOST: 'example.org' },
      signal: interruption.signal,
      onTalk: (text) => {
        if (text.includes('Ctrl-C stops the server')) interruption.abort();
      },
    });
    expect(code).toBe(0);
    expect(stderr).toContain(
      'warning: ColonyOS variables are set, so other commands in this shell talk to https://example.org:50080',
    );
  });

  test('names a port that is in use', async () => {
    await using directory = await temporaryDirectory();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stderr } = await run(['server', 'start', '--port', String(port)], {
      env: { SEALED_COLONIES_HOME: directory.path },
    });
    other.close();
    expect(await readdir(directory.path)).toEqual([]);
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${port} of 127.0.0.1: expected a free port, got one in use`);
  });

  test('names a directory that is a file', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'file');
    await writeFile(file, '');
    const { code, stderr } = await run(['server', 'start', '--port', '0', '--datadir', file]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}: expected a directory, or that one can be made, got "EEXIST`);
  });

  test('refuses plain HTTP on an address that others can reach', async () => {
    await using directory = await temporaryDirectory();
    const env = { SEALED_COLONIES_HOME: directory.path };
    const { code, stderr } = await run(['server', 'start', '--host', '0.0.0.0', '--port', '0'], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('got plain HTTP on 0.0.0.0; give --tlscert and --tlskey, or --allow-insecure');
  });
});

describe('server start with limits and policies', () => {
  test('refuses what is too large, and lets members end their own work only', async () => {
    await using directory = await temporaryDirectory();
    const flags = ['--max-body-mib', '1', '--max-blob-mib', '1', '--ownership', 'initiators'];
    await using server = await startServer(directory.path, flags);
    const colony = loadDevelopmentColony(directory.path);
    if (colony === undefined) throw new Error('expected a development colony, got none');
    const spec = join(directory.path, 'spec.json');
    const conditions = { colonyname: 'dev', executortype: 'x' };
    await writeFile(spec, JSON.stringify({ funcname: 'f', args: ['x'.repeat(2 ** 20)], conditions }));
    const large = await run(['function', 'submit', '--spec', spec], { env: server.env });
    expect(large).toMatchObject({ code: 1, stderr: expect.stringContaining('413') });
    const put = (bytes: number) => putBlob(colony.server, colony.userIdentity, 'dev', freshBytes(bytes));
    expect((await put(2 ** 20)).status).toBe(201);
    expect((await put(2 ** 20 + 1)).status).toBe(413);

    const other = generateIdentity();
    const user = ['--name', 'other', '--userid', other.id, '--email', 'o@example.org', '--phone', '1'];
    expect((await run(['user', 'add', ...user], { env: server.env })).code).toBe(0);
    const exec = await run(['function', 'exec', '--func', 'f', '--targettype', 'x'], { env: server.env });
    const cancel = ['process', 'cancel', exec.stdout.trim()];
    const refused = await run([...cancel, '--prvkey', other.privateKey], { env: server.env });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("another member's") });
    expect((await run(cancel, { env: server.env })).code).toBe(0);
  });

  test('reads the variables of the official server, flags first', async () => {
    await using directory = await temporaryDirectory();
    const variables = {
      COLONIES_RETENTION: 'true',
      COLONIES_RETENTION_POLICY: '1',
      COLONIES_CRON_CHECKER_PERIOD: '250',
      COLONIES_GENERATOR_CHECKER_PERIOD: '300',
      COLONIES_STALE_EXECUTOR_DURATION: '1',
      COLONIES_ALLOW_EXECUTOR_REREGISTER: 'true',
    };
    await using server = await startServer(directory.path, ['--stale-after', '500'], variables);
    const workflow = join(directory.path, 'workflow.json');
    await writeFile(workflow, JSON.stringify([{ nodename: 'a', funcname: 'f', conditions: { executortype: 'x' } }]));
    const cron = ['cron', 'add', '--name', 'c', '--interval', '1000', '--spec', workflow];
    const { stdout } = await run([...cron, '--json'], { env: server.env });
    const { cronid } = z.looseObject({ cronid: z.string() }).parse(JSON.parse(stdout));
    const read = await run(['cron', 'get', cronid, '--json'], { env: server.env });
    expect(JSON.parse(read.stdout)).toMatchObject({ checkerperiod: 250 });
    const executor = ['executor', 'create', '--name', 'e', '--type', 'x', '--approve'];
    for (let count = 0; count < 2; count += 1) {
      expect(await run(executor, { env: server.env })).toMatchObject({ code: 0 });
    }
  });

  test('says which options and variables mean what', () => {
    const args = {
      memberRate: 1,
      strangerRate: 2,
      trustedProxy: ['10.0.0.0/8', '::1'],
      staleAfter: undefined,
      retention: undefined,
      allowExecutorReregister: false,
      ownership: 'members',
      maxBodyMib: 3,
      maxBlobMib: 4,
      maxColonyBlobsMib: 5,
      blobGrace: 6,
    } as const;
    const official = { COLONIES_RETENTION: 'false', COLONIES_RETENTION_POLICY: '604800' };
    expect(readTreatment(args, official)).toEqual({
      rates: { memberRequestsPerSecond: 1, strangerRequestsPerSecond: 2 },
      trustedProxies: ['10.0.0.0/8', '::1'],
      allowExecutorReregister: false,
      ownership: 'members',
      maxBodyBytes: 3 * 2 ** 20,
      blobs: { maxBlobBytes: 4 * 2 ** 20, maxColonyBytes: 5 * 2 ** 20, graceMs: 6000 },
      metricsToken: undefined,
    });
    const variables = { ...official, COLONIES_RETENTION: 'true', COLONIES_STALE_EXECUTOR_DURATION: '60' };
    expect(readTreatment(args, variables)).toMatchObject({ retentionSeconds: 604_800, staleExecutorSeconds: 60 });
    const given = { ...args, retention: 10, staleAfter: 20 };
    expect(readTreatment(given, variables)).toMatchObject({ retentionSeconds: 10, staleExecutorSeconds: 20 });
  });

  test('refuses a trusted proxy that is no address', async () => {
    await using directory = await temporaryDirectory();
    const env = { SEALED_COLONIES_HOME: directory.path };
    const { code, stderr } = await run(['server', 'start', '--port', '0', '--trusted-proxy', '::1,proxy.example'], {
      env,
    });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('got "proxy.example"') });
  });

  test.each([
    [{ COLONIES_RETENTION: 'true' }, 'COLONIES_RETENTION: expected COLONIES_RETENTION_POLICY with it'],
    [{ COLONIES_RETENTION: 'yes' }, 'COLONIES_RETENTION: expected true or false, got "yes"'],
    [{ COLONIES_STALE_EXECUTOR_DURATION: '10m' }, 'expected a whole number from 1 to 2147483647, got "10m"'],
    [{ COLONIES_CRON_CHECKER_PERIOD: '1' }, 'COLONIES_CRON_CHECKER_PERIOD: expected a whole number from 10'],
  ])('names a variable that cannot be understood: %o', async (variables, message) => {
    await using directory = await temporaryDirectory();
    const env = { SEALED_COLONIES_HOME: directory.path, ...variables };
    const { code, stderr } = await run(['server', 'start', '--port', '0'], { env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  });
});

describe('server start with a certificate', () => {
  test('speaks HTTPS, and other commands know', async () => {
    await using directory = await temporaryDirectory();
    const files = await writeCertificate(directory.path);
    await using server = await startServer(join(directory.path, 'home'), files);
    const { host, port, tls } = loadDevelopmentColony(join(directory.path, 'home'))?.server ?? {};
    const ended = once(get({ host, port, path: '/health', ca: certificate.cert, agent: false }), 'response');
    const [response] = await ended;
    response.resume();
    expect({ tls, status: response.statusCode }).toEqual({ tls: true, status: 200 });
    const status = await run(['server', 'status'], { env: server.env });
    expect(status.stderr).toContain(`https://127.0.0.1:${port}`);
    expect(status.stderr).toContain('NODE_EXTRA_CA_CERTS');
  });

  test('shows a renewed one as soon as its files have changed', async () => {
    await using directory = await temporaryDirectory();
    const [, certPath = '', , keyPath = ''] = await writeCertificate(directory.path);
    const home = join(directory.path, 'home');
    await using server = await startServer(home, ['--tlscert', certPath, '--tlskey', keyPath]);
    const { host, port } = loadDevelopmentColony(home)?.server ?? {};
    await writeFile(certPath, renewed.cert);
    await writeFile(keyPath, renewed.key);
    await until(async () => {
      const request = get({ host, port, path: '/health', ca: renewed.cert, agent: false });
      return once(request, 'response').then(
        ([response]) => response.resume().statusCode === 200,
        () => false,
      );
    });
    expect((await server.stop()).stderr).toContain('The server shows the renewed certificate.');
  });

  test.each([
    [['--tlscert', 'cert.pem'], 2, 'expected --tlscert and --tlskey together, got one of them'],
    [['--tlscert', 'cert.pem', '--tlskey', 'none.pem'], 1, '--tlskey: expected a readable PEM file'],
    [['--tlscert', 'cert.pem', '--tlskey', 'junk.pem'], 1, 'expected a PEM file, got 4 characters of something else'],
    [['--tlscert', 'cert.pem', '--tlskey', 'cert.pem'], 1, 'expected a certificate and its private key'],
  ])('refuses %j', async (flags, exitCode, words) => {
    await using directory = await temporaryDirectory();
    await writeCertificate(directory.path);
    const home = join(directory.path, 'home');
    const { code, stderr } = await run(['server', 'start', '--port', '0', ...flags], {
      env: { SEALED_COLONIES_HOME: home },
      cwd: directory.path,
    });
    expect(code).toBe(exitCode);
    expect(stderr).toContain(words);
  });
});

/** Writes PEM files, and one that is none; gives the flags that name them. */
async function writeCertificate(directory: string): Promise<string[]> {
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(cert, certificate.cert);
  await writeFile(key, certificate.key);
  await writeFile(join(directory, 'junk.pem'), 'junk');
  return ['--tlscert', cert, '--tlskey', key];
}

test('server env without a development colony says how to make one', async () => {
  await using directory = await temporaryDirectory();
  const { code, stderr } = await run(['server', 'env'], { env: { SEALED_COLONIES_HOME: directory.path } });
  expect(code).toBe(1);
  expect(stderr).toContain('expected a development colony, got none; make one with "colonies server start"');
});

test('executor start runs a daemon until it is interrupted, and unregisters it', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startServer(directory.path);
  const interruption = new AbortController();
  const daemon = run(['executor', 'start', 'hospital', 'r1-hospital_executor', '55'], {
    env: server.env,
    signal: interruption.signal,
    onTalk: (text) => {
      if (text.includes('"msg":"approved"')) interruption.abort();
    },
  });
  const { code, stdout, stderr } = await daemon;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('of type r1-hospital_executor started; Ctrl-C stops it.');
  expect((await run(['executor', 'ls'], { env: server.env })).stderr).toBe('No executors found\n');
  const gone = await run(['executor', 'ls', '--all'], { env: server.env });
  expect(gone.stdout).toMatch(/r1-hospital_executor-\S+ +r1-hospital_executor +n\/a +Unregistered/u);
});

test('executor start ends with exit code 1 and no stack when the owner rejects the daemon', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startServer(directory.path);
  let name: string | undefined;
  const { code, stderr } = await run(['executor', 'start', 'cloud'], {
    env: server.env,
    onTalk: (text) => {
      if (name !== undefined || !text.includes('"msg":"approved"')) return;
      name = /Executor (\S+) of type/u.exec(text)?.[1] ?? '';
      void run(['executor', 'reject', name], { env: server.env });
    },
  });
  expect(code).toBe(1);
  expect(stderr).toContain(`error: executor ${name}: expected an approval, got a rejection by the owner of the colony`);
  expect(stderr).not.toMatch(/\n {4}at /u);
});

test('executor start without any colony says how to make one', async () => {
  await using directory = await temporaryDirectory();
  const { code, stderr } = await run(['executor', 'start', 'cloud'], { env: { SEALED_COLONIES_HOME: directory.path } });
  expect(code).toBe(1);
  expect(stderr).toContain('run "colonies server start" first');
});

test('executor start with a secret that is no number, or a missing configuration, says so', async () => {
  const env = { COLONIES_COLONY_NAME: 'dev' };
  const words = await run(['executor', 'start', 'hospital', 'r1', 'many'], { env });
  expect(words.code).toBe(2);
  expect(words.stderr).not.toContain('many');
  const missing = await run(['executor', 'start', 'hospital', 'r1', '--config', 'nowhere.json'], { env });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain('nowhere.json');
});
