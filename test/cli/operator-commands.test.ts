import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { addExecutorLog } from '../../colony/messages/logs.ts';
import { closeFailed } from '../../colony/messages/processes.ts';
import type { TestExecutor } from '../support/test-colony.ts';
import { type CliColony, run, startCliColony, temporaryDirectory } from './support.ts';

let cli: CliColony;
let executor: TestExecutor;
beforeAll(async () => {
  cli = await startCliColony();
  executor = await cli.colony.addExecutor('worker', 'worker-1');
});
afterAll(() => cli[Symbol.asyncDispose]());

/** Runs a command line with the executor's key. */
function asExecutor(argv: readonly string[]) {
  return cli.run([...argv, '--prvkey', executor.identity.privateKey]);
}

/** A process that the executor runs. */
async function assigned(): Promise<string> {
  await cli.run(['function', 'exec', '--func', 'f', '--targettype', executor.type]);
  return (await asExecutor(['process', 'assign', '--timeout', '5'])).stdout.trim();
}

const NOBODY = 'e'.repeat(64);

describe('an executor written as a shell script', () => {
  test('takes a process, logs, attaches an attribute and closes it with its output', async () => {
    const submitted = await cli.run(['function', 'exec', '--func', 'f', '--targettype', executor.type]);
    const taken = await asExecutor(['process', 'assign', '--timeout', '5']);
    expect(taken).toEqual({ code: 0, stdout: submitted.stdout, stderr: 'Process assigned: f\n' });
    const processId = taken.stdout.trim();
    expect(await asExecutor(['log', 'add', '-p', processId, '-m', 'half done'])).toEqual({
      code: 0,
      stdout: '',
      stderr: `Log added: process ${processId}\n`,
    });
    const added = await asExecutor(['attribute', 'add', processId, '--key', 'model', '--value', 'v2']);
    expect(added).toMatchObject({ code: 0, stderr: 'Attribute added: model\n' });
    expect(await cli.json(['attribute', 'get', added.stdout.trim()])).toMatchObject({
      targetid: processId,
      attributetype: 1,
      key: 'model',
      value: 'v2',
    });
    const shown = await cli.run(['attribute', 'get', '--attributeid', added.stdout.trim()]);
    expect(shown.stdout).toMatch(/Key +model\nValue +v2\nType +Out\n/u);
    expect(await asExecutor(['process', 'close', processId, '--out', '60,61'])).toEqual({
      code: 0,
      stdout: '',
      stderr: `Process closed as successful: ${processId}\n`,
    });
    expect((await cli.run(['process', 'get', processId, '--out'])).stdout).toBe('60\n61\n');
  });

  test('fails a process with its reasons', async () => {
    const processId = await assigned();
    const failed = await asExecutor(['process', 'fail', '-p', processId, '--errors', 'disk full']);
    expect(failed).toEqual({ code: 0, stdout: '', stderr: `Process closed as failed: ${processId}\n` });
    expect(await cli.json(['process', 'get', processId])).toMatchObject({ state: 3, errors: ['disk full'] });
  });

  test('that finds nothing to do ends with exit code 0, an empty line of data and null as JSON', async () => {
    const argv = ['process', 'assign', '--timeout', '1'];
    expect(await asExecutor(argv)).toEqual({ code: 0, stdout: '', stderr: 'No process available for assignment\n' });
    expect(await cli.json([...argv, '--prvkey', executor.identity.privateKey])).toBeNull();
  });

  test('registers a function and takes it back by the id that the list tells', async () => {
    const registered = await asExecutor(['function', 'register', '--func', 'echo', '--name', executor.name]);
    expect(registered).toMatchObject({ code: 0, stderr: 'Function added: echo\n' });
    const functionId = registered.stdout.trim();
    expect((await cli.run(['function', 'ls', '--ids'])).stdout).toMatch(
      new RegExp(`^FUNCTIONID[^]*${functionId} +echo`, 'u'),
    );
    expect((await cli.run(['executor', 'get', executor.name])).stdout).toMatch(
      new RegExp(`echo +${functionId} +0`, 'u'),
    );
    const removed = await asExecutor(['function', 'remove', functionId]);
    expect(removed).toEqual({ code: 0, stdout: '', stderr: `Function removed: ${functionId}\n` });
    expect(await cli.json(['function', 'ls'])).toEqual([]);
  });
});

describe('a function for one executor', () => {
  test('is addressed by the id of that executor', async () => {
    const argv = ['function', 'exec', '--func', 'f', '--targetid', executor.identity.id];
    const submitted = await cli.json(argv);
    expect(submitted).toMatchObject({
      spec: { conditions: { executortype: 'worker', executornames: ['worker-1'] } },
    });
    const processId = (await asExecutor(['process', 'assign', '--timeout', '5'])).stdout.trim();
    await asExecutor(['process', 'close', processId]);
  });

  test('needs a type or an id, not both', async () => {
    for (const flags of [[], ['--targettype', 'a', '--targetid', 'b']]) {
      const { code, stderr } = await cli.run(['function', 'exec', '--func', 'f', ...flags]);
      expect(code).toBe(2);
      expect(stderr).toContain('expected either --targettype or --targetid');
    }
  });
});

describe('executors', () => {
  test('are created with a key of their own, which only the owner of its file can read', async () => {
    await using directory = await temporaryDirectory();
    const spec = {
      executortype: 'gpu',
      locationname: 'attic',
      capabilities: { hardware: [{ model: 'm1', nodes: 2 }] },
    };
    await writeFile(join(directory.path, 'spec.json'), JSON.stringify(spec));
    const argv = ['executor', 'create', '--name', 'made', '--spec', 'spec.json', '--keypath', 'key', '--idpath', 'id'];
    const created = await cli.run([...argv, '--approve'], { cwd: directory.path });
    const id = await readFile(join(directory.path, 'id'), 'utf8');
    expect(created).toMatchObject({ code: 0, stderr: 'Executor added and approved: made\n' });
    expect(created.stdout).toMatch(new RegExp(`^Id +${id}\n$`, 'u'));
    expect((await stat(join(directory.path, 'key'))).mode & 0o777).toBe(0o600);
    const privateKey = await readFile(join(directory.path, 'key'), 'utf8');
    expect(created.stdout + created.stderr).not.toContain(privateKey);
    expect((await cli.run(['security', 'id', '--prvkey', privateKey])).stdout).toBe(`${id}\n`);
    expect((await cli.run(['executor', 'get', 'made'])).stdout).toMatch(
      /Type +gpu\n[^]*State +Approved\n[^]*Location +attic\nHardware +model:m1 nodes:2\n/u,
    );
    expect((await cli.run(argv, { cwd: directory.path })).stderr).toContain('--keypath: expected to write a new file');
  });

  test('whose registration is refused leave no files behind', async () => {
    await using directory = await temporaryDirectory();
    const argv = ['executor', 'create', '--name', executor.name, '--type', 't', '--keypath', 'key', '--idpath', 'id'];
    const { code, stderr } = await cli.run(argv, { cwd: directory.path });
    expect(code).toBe(1);
    expect(stderr).toContain('already exists');
    await expect(stat(join(directory.path, 'key'))).rejects.toThrow('ENOENT');
    await expect(stat(join(directory.path, 'id'))).rejects.toThrow('ENOENT');
  });

  test('without a file for it print their key', async () => {
    const argv = ['executor', 'create', '--name', 'printed', '--type', 'printed'];
    const { stdout, stderr } = await cli.run(argv);
    expect(stderr).toBe('Executor added, waiting for its approval: printed\n');
    expect(stdout).toMatch(/^Id +[0-9a-f]{64}\nPrivateKey +[0-9a-f]{64}\n$/u);
  });

  test('are described by files that are checked', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'spec.json'), '{"executorname": 7}');
    const argv = ['executor', 'add', '--executorid', generateIdentity().id, '--type', 't', '--spec', 'spec.json'];
    const { code, stderr } = await cli.run(argv, { cwd: directory.path });
    expect(code).toBe(1);
    expect(stderr).toContain('spec.json: executorname: expected string, got number');
  });

  test('are listed by type, location and any text, with everything on request', async () => {
    const { id } = generateIdentity();
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'spec.json'), '{"locationname": "Cellar"}');
    const argv = ['executor', 'add', '--executorid', id, '--name', 'deep', '--type', 'digger', '--spec', 'spec.json'];
    await cli.run(argv, { cwd: directory.path });
    const names = async (flags: readonly string[]): Promise<unknown> => {
      const listed = await cli.json(['executor', 'ls', ...flags]);
      return Array.isArray(listed) ? listed.map((entry: { executorname: string }) => entry.executorname) : listed;
    };
    expect(await names(['--location', 'Cellar'])).toEqual(['deep']);
    expect(await names(['-f', 'cELL'])).toEqual(['deep']);
    expect(await names(['--filter', 'digg', '--type', 'worker'])).toEqual([]);
    expect((await cli.run(['executor', 'ls', '--full', '-f', 'deep'])).stdout).toMatch(/^Name +deep\nId +\w+\n/u);
  });
});

describe('logs', () => {
  test('are read from their beginning, too', async () => {
    const processId = await assigned();
    for (const line of ['one', 'two', 'three']) await asExecutor(['log', 'add', processId, '-m', line]);
    const { stdout } = await cli.run(['log', 'get', '-p', processId, '--first', '--count', '2']);
    expect(stdout).toMatch(/^\S+ {2}one\n\S+ {2}two\n$/u);
    const both = await cli.run(['log', 'get', '-p', processId, '--first', '--latest']);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('expected --first or --latest, got both') });
    await asExecutor(['process', 'close', processId]);
  });

  test('are searched for a text, and printed around it', async () => {
    const processId = await assigned();
    for (const line of ['before', 'a needle', 'after']) await asExecutor(['log', 'add', '-p', processId, '-m', line]);
    const { colonyName } = cli.colony;
    const own = { colonyName, executorName: executor.name, message: 'a needle of my own' };
    await cli.colony.call(executor.identity, addExecutorLog, own);
    const listed = await cli.run(['log', 'search', 'needle']);
    expect(listed.stdout).toMatch(/^TIMESTAMP \(UTC\) +EXECUTOR NAME +PROCESSID +TEXT\n/u);
    expect(listed.stdout).toMatch(new RegExp(`worker-1 +${processId} +a needle\n`, 'u'));
    expect(await cli.json(['log', 'search', '-t', 'needle'])).toMatchObject([
      { processid: processId, message: 'a needle' },
      { processid: '', message: 'a needle of my own' },
    ]);
    const printed = await cli.run(['log', 'search', 'needle', '--print', '--seconds', '60']);
    expect(printed.stderr).toBe(`Process ${processId} at worker-1:\nExecutor worker-1:\n`);
    expect(printed.stdout).toMatch(/^\S+ {2}before\n\S+ {2}a needle\n\S+ {2}after\n\S+ {2}a needle of my own\n$/u);
    expect((await cli.run(['log', 'search', 'haystack'])).stderr).toBe('No log lines found\n');
    await asExecutor(['process', 'close', processId]);
  });
});

describe('assignment', () => {
  test('is paused and resumed with the key of the colony', async () => {
    expect((await cli.run(['process', 'status'])).stdout).toBe('active\n');
    const paused = await cli.run(['process', 'pause']);
    expect(paused).toEqual({ code: 0, stdout: '', stderr: 'Assignment of processes paused: colony test\n' });
    expect(await cli.json(['process', 'status', '--colonyname', 'test'])).toEqual({
      colonyName: 'test',
      isPaused: true,
    });
    expect((await cli.run(['process', 'resume'])).stderr).toBe('Assignment of processes resumed: colony test\n');
    expect((await cli.run(['process', 'status'])).stdout).toBe('active\n');
  });
});

describe('counts and health', () => {
  test('of the colony and of the server are tables, and JSON on request', async () => {
    expect((await cli.run(['colony', 'stats'])).stdout).toMatch(
      /^Colony +test\nExecutors +\d+\nActive executors +\d+\n/u,
    );
    expect(await cli.json(['colony', 'stats'])).toMatchObject({ waitingprocesses: expect.any(Number) });
    expect((await cli.run(['server', 'stats'])).stdout).toMatch(
      /^Colonies +\d+\nExecutors +\d+\nActive executors +\d+\nUnregistered executors +\d+\nWaiting processes/u,
    );
    expect(await cli.json(['server', 'stats'])).toMatchObject({ colonies: expect.any(Number) });
  });

  test('a server that answers is alive', async () => {
    expect(await cli.run(['server', 'alive'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^The server at http:\/\/127\.0\.0\.1:\d+ is alive \(.+\)\n$/u),
    });
    expect(await cli.json(['server', 'alive'])).toMatchObject({ roundTripMs: expect.any(Number) });
  });

  test('where nothing listens no server is alive: exit code 1', async () => {
    const { code, stderr } = await run(['server', 'alive', '--host', '127.0.0.1', '--port', '1']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: http:\/\/127\.0\.0\.1:1: expected a server that answers GET \/health, got ".+"\n$/u,
    );
  });

  test('a colony exists for its members only', async () => {
    expect(await cli.run(['colony', 'check'])).toEqual({ code: 0, stdout: '', stderr: 'Colony exists: test\n' });
    const { code, stderr } = await cli.run(['colony', 'check', '--name', 'other']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: /u);
  });
});

describe('what cannot be undone', () => {
  test.each([
    ['user', ['user', 'remove', 'user']],
    ['colony', ['colony', 'remove', 'test']],
    ['processes', ['process', 'removeall']],
    ['workflows', ['workflow', 'removeall', '--failed']],
  ])('asks for YES at a terminal, and for --yes elsewhere: %s', async (_what, argv) => {
    const refused = await cli.run(argv);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/\? expected --yes, as there is no terminal to ask at; nothing was done\n/u);
    const hesitating = await cli.run(argv, { answer: 'yes' });
    expect(hesitating.code).toBe(1);
    expect(hesitating.stderr).toMatch(/\? This cannot be undone\. Type YES to go on: error: .+ nothing was done\n$/u);
    expect((await cli.run(['user', 'get', 'user'])).code).toBe(0);
  });

  test('a user is shown, and gone after YES', async () => {
    const { id } = generateIdentity();
    await cli.run(['user', 'add', '--name', 'bob', '--userid', id, '--phone', '112']);
    expect((await cli.run(['user', 'get', 'bob'])).stdout).toMatch(/^Username +bob\nUserId +\w+\nColony +test\n/u);
    expect(await cli.json(['user', 'get', '--name', 'bob'])).toMatchObject({ userid: id, phone: '112' });
    const removed = await cli.run(['user', 'remove', 'bob'], { answer: 'YES' });
    expect(removed).toEqual({
      code: 0,
      stdout: '',
      stderr: 'Remove user "bob" of colony "test"? This cannot be undone. Type YES to go on: User removed: bob\n',
    });
    expect((await cli.run(['user', 'get', 'bob'])).stderr).toBe('error: user "bob": unknown to the server\n');
  });

  test('a colony goes with --yes', async () => {
    await cli.run(['colony', 'add', '--name', 'trial', '--colonyid', generateIdentity().id]);
    const removed = await cli.run(['colony', 'remove', 'trial', '--yes']);
    expect(removed).toEqual({ code: 0, stdout: '', stderr: 'Colony removed: trial\n' });
    const again = await cli.run(['colony', 'remove', 'trial', '--yes']);
    expect(again).toMatchObject({ code: 1, stderr: 'error: colony "trial": unknown to the server\n' });
  });

  test('processes are removed one by one, or all in one state', async () => {
    const failing = await assigned();
    await cli.colony.call(executor.identity, closeFailed, { processId: failing, errors: ['x'] });
    const waiting = (await cli.run(['function', 'exec', '--func', 'f', '--targettype', 'nobody'])).stdout.trim();
    const removed = await cli.run(['process', 'removeall', '--failed', '--yes']);
    expect(removed).toEqual({ code: 0, stdout: '', stderr: 'Removed all failed processes of colony test\n' });
    expect(await cli.json(['process', 'psf'])).toEqual([]);
    expect((await cli.run(['process', 'remove', waiting])).stderr).toBe(`Process removed: ${waiting}\n`);
    expect((await cli.run(['process', 'get', waiting])).code).toBe(1);
    const both = await cli.run(['process', 'removeall', '--failed', '--waiting', '--yes']);
    expect(both.code).toBe(2);
    expect(both.stderr).toContain('expected one of --waiting, --successful, --failed and --cancelled, got several');
    expect(await cli.json(['process', 'removeall', '--yes'])).toEqual({ colonyName: 'test', state: 'all' });
  });

  test('workflows are removed one by one, or all', async () => {
    await using directory = await temporaryDirectory();
    const spec = [{ nodename: 'a', funcname: 'f', conditions: { executortype: 'nobody', dependencies: [] } }];
    await writeFile(join(directory.path, 'w.json'), JSON.stringify(spec));
    const submit = async (): Promise<string> => {
      const { stdout } = await cli.run(['workflow', 'submit', '--spec', join(directory.path, 'w.json')]);
      return /^Workflow +(\w+)$/mu.exec(stdout)?.[1] ?? '';
    };
    const workflowId = await submit();
    expect((await cli.run(['workflow', 'remove', workflowId])).stderr).toBe(`Workflow removed: ${workflowId}\n`);
    await submit();
    const removed = await cli.run(['workflow', 'removeall', '--waiting', '--yes']);
    expect(removed).toMatchObject({ code: 0, stderr: 'Removed all waiting workflows of colony test\n' });
    expect(await cli.json(['workflow', 'psw'])).toEqual([]);
  });
});

describe('what the server does not have is named in plain words', () => {
  test.each([
    [['attribute', 'get', NOBODY], `attribute ${NOBODY}`],
    [['attribute', 'add', '-p', NOBODY, '--key', 'k', '--value', 'v'], `process ${NOBODY}`],
    [['executor', 'get', 'nobody'], 'executor "nobody"'],
    [['function', 'exec', '--func', 'f', '--targetid', NOBODY], `executor ${NOBODY}`],
    [['function', 'register', '--func', 'f', '--name', 'nobody'], 'executor "nobody"'],
    [['function', 'remove', NOBODY], `function ${NOBODY}`],
    [['log', 'add', '-p', NOBODY, '-m', 'x'], `process ${NOBODY}`],
    [['process', 'close', NOBODY], `process ${NOBODY}`],
    [['process', 'fail', NOBODY], `process ${NOBODY}`],
    [['process', 'remove', NOBODY], `process ${NOBODY}`],
    [['user', 'get', 'nobody'], 'user "nobody"'],
    [['user', 'remove', 'nobody', '--yes'], 'user "nobody"'],
    [['workflow', 'remove', NOBODY], `workflow ${NOBODY}`],
  ])('%j', async (argv, what) => {
    const { code, stderr } = await cli.run(argv);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `error: ${what}: unknown to the server\n` });
    expect(await cli.json(argv)).toEqual({ error: `${what}: unknown to the server`, exitCode: 1 });
  });
});

test.each([
  [['server', 'stats'], 'COLONIES_SERVER_PRVKEY'],
  [['colony', 'remove', 'test', '--yes'], 'COLONIES_SERVER_PRVKEY'],
  [['process', 'pause'], 'COLONIES_COLONY_PRVKEY'],
  [['process', 'removeall', '--yes'], 'COLONIES_COLONY_PRVKEY'],
  [['executor', 'create', '--name', 'x', '--type', 'y'], 'COLONIES_COLONY_PRVKEY'],
  [['process', 'assign'], 'COLONIES_PRVKEY'],
  [['colony', 'stats'], 'COLONIES_PRVKEY'],
])('a key that is missing is named with its variable: %j', async (argv, variable) => {
  const { code, stderr } = await run(argv, { env: { ...cli.env, [variable]: undefined } });
  expect(code).toBe(1);
  expect(stderr).toContain(`${variable}: expected the private key of`);
});
