import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveKeyPair } from '../../cli/key-files.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { addLog } from '../../colony/messages/logs.ts';
import { assignProcess, closeFailed, closeSuccessful } from '../../colony/messages/processes.ts';
import { answer, refuse, startScriptedServer } from '../colony/scripted-server.ts';
import { type CliColony, run, startCliColony } from './support.ts';

let cli: CliColony;
beforeAll(async () => {
  cli = await startCliColony();
});
afterAll(() => cli[Symbol.asyncDispose]());

/** Takes the next process of an executor type, as a daemon would. */
async function assign(type: string) {
  const { colony } = cli;
  const { identity, name } = await colony.addExecutor(type);
  const request = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
  const process = await colony.call(identity, assignProcess, request);
  return { identity, name, process };
}

describe('colonies and users', () => {
  test('a colony is founded with the key of the server and listed', async () => {
    const { id } = generateIdentity();
    const added = await cli.run(['colony', 'add', '--name', 'second', '--colonyid', id]);
    expect(added).toEqual({ code: 0, stdout: '', stderr: 'Colony added: second\n' });
    expect((await cli.run(['colony', 'ls'])).stdout).toMatch(new RegExp(`^NAME +COLONYID\n[^]*second +${id}\n`, 'u'));
    expect(await cli.json(['colony', 'ls'])).toContainEqual({ colonyid: id, name: 'second' });
  });

  test('a user is added with the key of the colony and listed', async () => {
    const { id } = generateIdentity();
    const added = await cli.run(['user', 'add', '--name', 'ada', '--userid', id, '--email', 'ada@example.org']);
    expect(added).toEqual({ code: 0, stdout: '', stderr: 'User added: ada\n' });
    expect(await cli.json(['user', 'ls'])).toContainEqual({
      colonyname: 'test',
      userid: id,
      name: 'ada',
      email: 'ada@example.org',
      phone: '',
    });
  });

  test('a refusal of the server is told in its words, without a stack, with exit code 1', async () => {
    const { code, stdout, stderr } = await cli.run([
      'user',
      'add',
      '--name',
      'user',
      '--userid',
      generateIdentity().id,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: the server refused \(\d+\): .+\n$/u);
  });

  test('a key that is missing is named with its variable', async () => {
    const env = { ...cli.env, COLONIES_COLONY_PRVKEY: undefined };
    const { code, stderr } = await run(['user', 'add', '--name', 'x', '--userid', 'y'], { env });
    expect(code).toBe(1);
    expect(stderr).toContain("COLONIES_COLONY_PRVKEY: expected the private key of the colony's owner, got nothing");
  });

  test('a key given as a flag comes before the one of the environment', async () => {
    const { code, stderr } = await cli.run(['user', 'ls', '--prvkey', generateIdentity().privateKey]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: the server refused \(403\): Access denied/u);
  });

  test('a malformed key is refused without showing it', async () => {
    const { code, stderr } = await cli.run(['user', 'ls', '--prvkey', 'not-a-key-at-all']);
    expect(code).toBe(1);
    expect(stderr).toContain('--prvkey: private key: expected 64 hexadecimal characters, got 16 characters');
    expect(stderr).not.toContain('not-a-key');
  });
});

describe('executors', () => {
  test('are added, approved, rejected and removed by the owner of the colony', async () => {
    const { id } = generateIdentity();
    const add = ['executor', 'add', '--executorid', id, '--name', 'one', '--type', 'kind'];
    expect((await cli.run(add)).stderr).toBe('Executor added, waiting for its approval: one\n');
    const state = async (): Promise<string | undefined> =>
      /one +kind +n\/a +(\w+)/u.exec((await cli.run(['executor', 'ls', '--all'])).stdout)?.[1];
    expect(await state()).toBe('Pending');
    expect((await cli.run(['executor', 'approve', 'one'])).stderr).toBe('Executor approved: one\n');
    expect(await state()).toBe('Approved');
    expect((await cli.run(['executor', 'reject', '--name', 'one'])).stderr).toBe('Executor rejected: one\n');
    expect(await state()).toBe('Rejected');
    expect((await cli.run(['executor', 'remove', 'one'])).code).toBe(0);
    expect(await state()).toBe('Unregistered');
    expect((await cli.run(['executor', 'ls', '--type', 'kind'])).stderr).toBe('No executors found\n');
  });

  test('can be approved when they are added, with name and type from the environment', async () => {
    const env = { ...cli.env, COLONIES_EXECUTOR_NAME: 'two', COLONIES_EXECUTOR_TYPE: 'kind' };
    const argv = ['executor', 'add', '--executorid', generateIdentity().id, '--approve', '--json'];
    const { code, stdout } = await run(argv, { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ executorname: 'two', executortype: 'kind', state: 1 });
  });

  test('need a name', async () => {
    const { code, stderr } = await cli.run(['executor', 'add', '--executorid', generateIdentity().id]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'error: --name: expected a text, got nothing; give the flag or set COLONIES_EXECUTOR_NAME\n',
    });
  });
});

describe('functions and processes', () => {
  test('a function is executed, its output printed and its log followed', async () => {
    const argv = ['function', 'exec', '--func', 'f', '--targettype', 'echo', '--args', 'a,b', '--kwargs', 'k:v=1'];
    const waiting = cli.run([...argv, '--follow', '--out', '--label', 'l']);
    const { identity, process } = await assign('echo');
    expect(process.spec).toMatchObject({ functionName: 'f', args: ['a', 'b'], kwargs: { k: 'v=1' }, label: 'l' });
    await cli.colony.call(identity, addLog, { processId: process.processId, message: 'half-way\u001B[2J' });
    await cli.colony.call(identity, closeSuccessful, { processId: process.processId, output: ['one', 2] });
    const { code, stdout, stderr } = await waiting;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\n2\n' });
    expect(stderr).toBe(`Process submitted: ${process.processId}\nhalf-way\\x1b[2J\n`);
  });

  test('a process that fails while it is waited for ends the command with exit code 3 and its errors', async () => {
    const waiting = cli.run(['function', 'exec', '--func', 'f', '--targettype', 'failing', '--wait']);
    const { identity, process } = await assign('failing');
    await cli.colony.call(identity, closeFailed, { processId: process.processId, errors: ['no bread'] });
    expect(await waiting).toEqual({
      code: 3,
      stdout: `${process.processId}\n`,
      stderr: `Process submitted: ${process.processId}\nProcess ${process.processId}: failed\n  no bread\n`,
    });
  });

  test('a process is shown, listed, waited for and cancelled', async () => {
    const submitted = await cli.run(['function', 'exec', '--func', 'g', '--targettype', 'nobody']);
    const processId = submitted.stdout.trim();
    expect(processId).toMatch(/^[0-9a-f]{64}$/u);
    expect((await cli.run(['process', 'psw', '--ids'])).stdout).toContain(processId);
    expect((await cli.run(['process', 'psw'])).stdout).not.toContain(processId);
    expect((await cli.run(['process', 'get', '-p', processId])).stdout).toMatch(/State +Waiting\n/u);
    expect(await cli.json(['process', 'get', '--processid', processId])).toMatchObject({
      processid: processId,
      state: 0,
    });
    const waited = await cli.run(['process', 'wait', processId, '--timeout', '0.2']);
    expect(waited.code).toBe(1);
    expect(waited.stderr).toContain('expected its end within 0.2 s, got none; it goes on');
    expect((await cli.run(['process', 'cancel', processId])).stderr).toBe(`Process cancelled: ${processId}\n`);
    expect(await cli.run(['process', 'wait', processId])).toMatchObject({
      code: 3,
      stderr: `Process ${processId}: cancelled\n`,
    });
    expect(await cli.json(['process', 'psc'])).toContainEqual(expect.objectContaining({ processid: processId }));
    expect((await cli.run(['process', 'psc', '-i'])).stdout).toContain(processId);
  });

  test('running and finished processes name their executor', async () => {
    const submitted = await cli.run(['function', 'exec', '--func', 'h', '--targettype', 'named']);
    const { identity, name, process } = await assign('named');
    expect(submitted.stdout.trim()).toBe(process.processId);
    expect((await cli.run(['process', 'ps', '--executortype', 'named'])).stdout).toContain(name);
    await cli.colony.call(identity, closeSuccessful, { processId: process.processId, output: ['x'.repeat(200)] });
    expect((await cli.run(['process', 'pss', '--executortype', 'named'])).stdout).toContain(name);
    expect((await cli.run(['process', 'get', process.processId, '--out'])).stdout).toBe(`${'x'.repeat(200)}\n`);
    const narrow = await cli.run(['process', 'get', process.processId], { columns: 60 });
    expect(narrow.stdout).toMatch(/│ Output +│ x{46}… \(200 characters\) │/u);
  });

  test('empty lists are told on standard error, and are [] as JSON', async () => {
    expect(await cli.run(['workflow', 'psf'])).toEqual({ code: 0, stdout: '', stderr: 'No failed workflows found\n' });
    expect(await cli.json(['workflow', 'psf'])).toEqual([]);
    expect(await cli.json(['function', 'ls'])).toEqual([]);
  });

  test('an unknown process is an error of the user', async () => {
    const { code, stderr } = await cli.run(['process', 'get', 'a'.repeat(64)]);
    expect(code).toBe(1);
    expect(stderr).toBe(`error: process ${'a'.repeat(64)}: unknown to the server\n`);
  });
});

describe('what the server does not have is named in plain words', () => {
  const id = 'b'.repeat(64);
  test.each([
    [['process', 'wait', id], `process ${id}`],
    [['process', 'cancel', id], `process ${id}`],
    [['workflow', 'get', id], `workflow ${id}`],
    [['workflow', 'cancel', id], `workflow ${id}`],
    [['executor', 'approve', 'nobody'], 'executor "nobody"'],
    [['log', 'get', '-p', id], `process ${id}`],
    [['log', 'get', '-p', id, '--follow'], `process ${id}`],
    [['decrypt', id, '--key', 'private_key.b64'], `process ${id}`],
  ])('%j', async (argv, what) => {
    await saveKeyPair(cli.colony.directory, { p: 7n, q: 11n }, { overwrite: true });
    const { code, stderr } = await cli.run(argv);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `error: ${what}: unknown to the server\n` });
    expect(await cli.json(argv)).toEqual({ error: `${what}: unknown to the server`, exitCode: 1 });
  });
});

describe('untrusted text', () => {
  test('is escaped in JSON, too, and means what it did', async () => {
    const name = 'a\u009b2J\u202eb';
    await using server = await startScriptedServer([answer('getusersmsg', [{ name, userid: 'u' }])]);
    const { stdout } = await cli.run(['user', 'ls', '--port', String(server.address.port), '--json']);
    expect(stdout).toContain('a\\u009b2J\\u202eb');
    expect(JSON.parse(stdout)).toMatchObject([{ name }]);
  });

  test('of a server that refuses stays on one line', async () => {
    await using server = await startScriptedServer([refuse(500, 'no\nerror: run "rm -rf ~"\r\u001b[2J')]);
    const { stderr } = await cli.run(['user', 'ls', '--port', String(server.address.port)]);
    expect(stderr).toBe('error: the server refused (500): no error: run "rm -rf ~" \\x1b[2J\n');
  });

  test('that is long is shortened in lists, and in the facts of a process', async () => {
    const key = 'k'.repeat(500);
    const argv = ['function', 'exec', '--func', 'f', '--targettype', 'long', '--kwargs', `key:${key}`];
    const processId = (await cli.run(argv)).stdout.trim();
    const listed = await cli.run(['process', 'psw', '--executortype', 'long']);
    expect(listed.stdout).toContain(` key:${'k'.repeat(31)}… `);
    const shown = await cli.run(['process', 'get', processId]);
    expect(shown.stdout).toContain(`key:${'k'.repeat(46)}… (500 characters)`);
    expect(await cli.json(['process', 'get', processId])).toMatchObject({ spec: { kwargs: { key } } });
  });
});

describe('logs', () => {
  test('without lines say so', async () => {
    const processId = (await cli.run(['function', 'exec', '--func', 'f', '--targettype', 'mute'])).stdout.trim();
    const silent = await cli.run(['log', 'get', '-p', processId]);
    expect(silent).toEqual({ code: 0, stdout: '', stderr: 'No log lines found\n' });
  });

  test('cannot forge lines', async () => {
    await cli.run(['function', 'exec', '--func', 'f', '--targettype', 'forger']);
    const { identity, process } = await assign('forger');
    const { processId } = process;
    await cli.colony.call(identity, addLog, { processId, message: 'one\n2026-11-20T00:00:00.000Z  two' });
    const { stdout } = await cli.run(['log', 'get', '-p', processId]);
    expect(stdout).toMatch(/^\S+ {2}one\n {4}2026-11-20T00:00:00.000Z {2}two\n$/u);
    await cli.colony.call(identity, closeSuccessful, { processId, output: [] });
  });

  test('of a process are printed, as JSON on request', async () => {
    await cli.run(['function', 'exec', '--func', 'f', '--targettype', 'talker']);
    const { identity, name, process } = await assign('talker');
    const { processId } = process;
    for (const message of ['one', 'two', 'three']) await cli.colony.call(identity, addLog, { processId, message });
    const { stdout } = await cli.run(['log', 'get', '-p', processId]);
    expect(stdout).toMatch(/^\d{4}-\S+Z {2}one\n\S+ {2}two\n\S+ {2}three\n$/u);
    expect(await cli.run(['log', 'get', processId])).toMatchObject({ code: 0, stdout });
    const entries = await cli.json(['log', 'get', '-p', processId, '--count', '2']);
    expect(entries).toMatchObject([{ message: 'two' }, { message: 'three', executorname: name, processid: processId }]);
    const following = cli.json(['log', 'get', '-p', processId, '--follow']);
    await cli.colony.call(identity, addLog, { processId, message: 'four' });
    await cli.colony.call(identity, closeSuccessful, { processId, output: [] });
    expect(await following).toMatchObject(['one', 'two', 'three', 'four'].map((message) => ({ message })));
  });
});
