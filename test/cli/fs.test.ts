import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { answer, startScriptedServer } from '../colony/scripted-server.ts';
import { type CliColony, run, startCliColony, temporaryDirectory } from './support.ts';

let cli: CliColony;
beforeAll(async () => {
  cli = await startCliColony();
});
afterAll(() => cli[Symbol.asyncDispose]());

/** Files by their paths, as they lie below a directory. */
async function readTree(directory: string): Promise<Record<string, string>> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (path): Promise<[string, string]> => [
      path.slice(directory.length + 1),
      await readFile(path, 'utf8'),
    ]),
  );
  return Object.fromEntries(texts.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

async function writeTree(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

function sync(directory: string, label: string, flags: readonly string[] = [], answerText?: string) {
  const argv = ['fs', 'sync', '-d', directory, '-l', label, ...flags];
  return cli.run(argv, answerText === undefined ? {} : { answer: answerText });
}

test('a directory that is not there, and a label without files, are taken for mistyped', async () => {
  const { code, stderr } = await cli.run(['fs', 'sync', '-d', 'no-such-directory', '-l', '/no-such-label']);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'error: --dir: expected a directory, or files under /no-such-label to download into a new one, got neither with no-such-directory\n',
  });
});

describe('fs sync', () => {
  test('uploads what the colony lacks, and downloads it elsewhere, byte for byte', async () => {
    await using here = await temporaryDirectory();
    await using there = await temporaryDirectory();
    const files = { 'a.csv': 'one', empty: '', 'deep/er/b.csv': 'x'.repeat(300_000), 'ü ~ b': 'three' };
    await writeTree(here.path, files);
    const planned = await sync(here.path, 'trip', ['--dry']);
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toMatch(
      /^ACTION +FILE +SIZE +LABEL\nupload +a\.csv +3 B +\/trip\nupload +empty +0 B +\/trip\n/u,
    );
    expect(planned.stdout).toMatch(/upload +deep\/er\/b\.csv +293\.0 KiB +\/trip\/deep\/er\n/u);
    expect(await cli.json(['fs', 'label', 'ls'])).toEqual([]);
    const uploaded = await sync(here.path, '/trip/');
    expect(uploaded).toEqual({ ...planned, stderr: `Synchronized: ${here.path} and /trip\n` });
    expect((await sync(here.path, '/trip')).stderr).toBe(`Already synchronized: ${here.path} and /trip\n`);
    const downloaded = await sync(join(there.path, 'new'), '/trip');
    expect(downloaded.stdout).toMatch(/download +deep\/er\/b\.csv/u);
    expect(await readTree(join(there.path, 'new'))).toEqual(await readTree(here.path));
  });

  test('lets the file of this machine count where both differ, and keeps the older revision', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { f: 'old' });
    await sync(here.path, '/kept');
    await writeTree(here.path, { f: 'new' });
    expect((await sync(here.path, '/kept')).stdout).toMatch(/replace in the colony +f +3 B +\/kept\n/u);
    const revisions = await cli.json(['fs', 'info', '-l', '/kept', '-n', 'f']);
    expect(revisions).toMatchObject([{ name: 'f' }, { name: 'f' }]);
    await using elsewhere = await temporaryDirectory();
    const older = Array.isArray(revisions) ? String(revisions[1].fileid) : '';
    const fetched = await cli.run(['fs', 'get', '-i', older, '-d', elsewhere.path]);
    expect(fetched).toEqual({ code: 0, stdout: `${join(elsewhere.path, 'f')}\n`, stderr: '' });
    expect(await readTree(elsewhere.path)).toEqual({ f: 'old' });
  });

  test('asks before it replaces files of this machine', async () => {
    await using here = await temporaryDirectory();
    await using there = await temporaryDirectory();
    await writeTree(here.path, { f: 'of the colony' });
    await sync(here.path, '/asked');
    await writeTree(there.path, { f: 'of this machine' });
    const flags = ['--no-keeplocal'];
    const unanswered = await sync(there.path, '/asked', flags);
    expect(unanswered.code).toBe(2);
    expect(unanswered.stderr).toContain('expected --yes, as there is no terminal to ask at; nothing was done');
    expect((await sync(there.path, '/asked', flags, 'no')).code).toBe(1);
    expect(await readTree(there.path)).toEqual({ f: 'of this machine' });
    const agreed = await sync(there.path, '/asked', flags, 'YES');
    expect(agreed.stdout).toMatch(/replace here +f +13 B +\/asked\n/u);
    expect(await readTree(there.path)).toEqual({ f: 'of the colony' });
  });

  test('tells a plan as JSON', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { f: 'x' });
    expect(await cli.json(['fs', 'sync', '-d', here.path, '-l', '/json', '--dry'])).toEqual({
      directory: here.path,
      label: '/json',
      isDone: false,
      steps: [{ action: 'upload', label: '/json', name: 'f', sizeBytes: 1 }],
      warnings: [],
    });
  });

  test('follows no links, neither up nor down', async () => {
    await using here = await temporaryDirectory();
    await using outside = await temporaryDirectory();
    await writeTree(outside.path, { secret: 'not to be shared' });
    await writeTree(here.path, { 'sub/f': 'shared' });
    await symlink(outside.path, join(here.path, 'link'));
    await symlink(join(outside.path, 'secret'), join(here.path, 'file'));
    const uploaded = await sync(here.path, '/links');
    expect(uploaded.stderr).toContain('warning: "link": neither a file nor a directory; left out');
    expect(await cli.json(['fs', 'label', 'ls'])).not.toContainEqual({ name: '/links/link', files: 1 });
    expect(await cli.json(['fs', 'ls', '-l', '/links'])).toEqual([]);
    await using there = await temporaryDirectory();
    await symlink(outside.path, join(there.path, 'sub'));
    const refused = await sync(there.path, '/links');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/sub\/: expected a directory, no link to one, got something else\n$/u);
    expect(await readTree(outside.path)).toEqual({ secret: 'not to be shared' });
  });

  test('takes only its own label from servers that match beginnings', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { f: '2' });
    await sync(here.path, '/data2');
    await using there = await temporaryDirectory();
    expect((await sync(there.path, '/data')).stderr).toContain('Already synchronized');
    expect(await readTree(there.path)).toEqual({});
  });

  test('replaces what a download finds whole or not at all', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { f: 'right' });
    await sync(here.path, '/whole');
    const digest = '5a'.repeat(32);
    const file = { ...FILE, label: '/whole', name: 'f', size: 5, checksum: digest };
    await using server = await startScriptedServer([
      answer('getfilemsg', [file]),
      answer('getserverinfomsg', { blobs: true }),
    ]);
    await using there = await temporaryDirectory();
    await writeTree(there.path, { f: 'before' });
    const argv = ['fs', 'get', '-l', '/whole', '-n', 'f', '-d', there.path, '--port', String(server.address.port)];
    expect((await cli.run(argv)).code).toBe(1);
    expect(await readTree(there.path)).toEqual({ f: 'before' });
  });
});

const FILE = {
  fileid: 'a'.repeat(64),
  colonyname: 'test',
  label: '/data',
  name: 'f',
  size: 0,
  checksum: '',
  checksumalg: 'SHA256',
  ref: { protocol: 's3', s3object: { server: '', object: `sha256:${'5a'.repeat(32)}`, secretkey: 'do not show' } },
};

describe('names from the server never lead out of the directory', () => {
  const HOSTILE = ['../x', '..', '/etc/x', 'a/b', '..\\x', 'a\u0000b', ''];

  test('in a synchronization: they are left out with a warning', async () => {
    await using server = await startScriptedServer([
      answer('getfilelabelsmsg', [
        { name: '/data', files: 1 },
        { name: '/data/../../x', files: 1 },
        { name: '/data/a\u0000b', files: 1 },
      ]),
      answer(
        'getfilesmsg',
        HOSTILE.map((name) => ({ name, checksum: '', size: 0, s3filename: '' })),
      ),
    ]);
    await using directory = await temporaryDirectory();
    const target = join(directory.path, 'target');
    const argv = ['fs', 'sync', '-d', target, '-l', '/data', '--port', String(server.address.port)];
    const { code, stdout, stderr } = await cli.run(argv);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('warning: label "/data/../../x": leads to no directory; left out\n');
    expect(stderr).toContain('warning: label "/data/a\\u0000b": leads to no directory; left out\n');
    for (const name of HOSTILE) {
      expect(stderr).toContain(`warning: file ${JSON.stringify(name)} of label "/data": no name of a file; left out\n`);
    }
    expect(await readTree(directory.path)).toEqual({});
  });

  test('when another file is answered than the one that was planned', async () => {
    await using server = await startScriptedServer([
      answer('getfilelabelsmsg', [{ name: '/data', files: 1 }]),
      answer('getfilesmsg', [{ name: 'f', checksum: '', size: 0, s3filename: '' }]),
      answer('getfilemsg', [{ ...FILE, name: '../escaped' }]),
    ]);
    await using directory = await temporaryDirectory();
    const target = join(directory.path, 'target');
    await cli.run(['fs', 'sync', '-d', target, '-l', '/data', '--port', String(server.address.port)]);
    expect(await readTree(directory.path)).toEqual({ 'target/f': '' });
  });

  test.each(HOSTILE)('when one file is fetched: %j', async (name) => {
    await using server = await startScriptedServer([answer('getfilemsg', [{ ...FILE, name }])]);
    await using directory = await temporaryDirectory();
    const target = join(directory.path, 'target');
    const argv = ['fs', 'get', '-i', FILE.fileid, '-d', target, '--port', String(server.address.port)];
    const { code, stderr } = await cli.run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('expected the name of a file');
    expect(await readTree(directory.path)).toEqual({});
  });

  test.each([
    ['/data', '../x'],
    ['/data/../..', 'x'],
    ['/elsewhere', 'x'],
  ])('when a snapshot is fetched: %s %s', async (label, name) => {
    const snapshot = { snapshotid: 'b'.repeat(64), colonyname: 'test', label: '/data', name: 's', fileids: ['c'] };
    await using server = await startScriptedServer([
      answer('getsnapshotmsg', snapshot),
      answer('getfilemsg', [{ ...FILE, label, name }]),
    ]);
    await using directory = await temporaryDirectory();
    const target = join(directory.path, 'target');
    const argv = ['fs', 'snapshot', 'download', '-n', 's', '-d', target, '--port', String(server.address.port)];
    const { code, stderr } = await cli.run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('expected one below /data');
    expect(await readTree(directory.path)).toEqual({});
  });
});

describe('files', () => {
  test('are listed, described, and forgotten', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { one: '1', 'sub/two': '22' });
    await sync(here.path, '/listed');
    const listed = await cli.run(['fs', 'ls', '-l', 'listed']);
    expect(listed.stdout).toMatch(
      /^FILENAME +SIZE +LATEST ID +ADDED \(UTC\) +REVISIONS\none +1 B +\w+ +\S+ \S+ +1\n$/u,
    );
    expect((await cli.run(['fs', 'ls'])).stdout).toMatch(/two +\/listed\/sub +2 B/u);
    const shown = await cli.run(['fs', 'info', '-l', '/listed', '-n', 'one']);
    expect(shown.stdout).toMatch(/^Filename +one\nFileId +\w+\nLabel +\/listed\nColony +test\n/u);
    expect(shown.stdout).toMatch(/Size +1 bytes\nChecksum +[0-9a-f]{64}\nChecksumAlg +SHA256\n/u);
    const removed = await cli.run(['fs', 'remove', '-l', '/listed', '-n', 'one']);
    expect(removed).toEqual({ code: 0, stdout: '', stderr: 'File "/listed/one" removed\n' });
    expect((await cli.run(['fs', 'ls', '-l', '/listed'])).stderr).toBe('No files found\n');
    expect(await readTree(here.path)).toEqual({ one: '1', 'sub/two': '22' });
  });

  test('of a label and those below are forgotten together, after YES', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { one: '1', 'sub/two': '22' });
    await sync(here.path, '/gone');
    await sync(here.path, '/gone2');
    expect((await cli.run(['fs', 'label', 'ls'])).stdout).toMatch(/^LABEL +FILES\n[^]*\/gone\/sub +1\n/u);
    expect((await cli.run(['fs', 'label', 'remove', '/gone'])).code).toBe(2);
    const removed = await cli.run(['fs', 'label', 'remove', '-l', '/gone'], { answer: 'YES' });
    expect(removed.stderr).toMatch(/^Remove 2 files with label "\/gone"\? .*Removed 2 files with label "\/gone"\n$/u);
    const labels = await cli.json(['fs', 'label', 'ls']);
    expect(labels).not.toContainEqual({ name: '/gone', files: 1 });
    expect(labels).toContainEqual({ name: '/gone2', files: 1 });
    const again = await cli.run(['fs', 'label', 'remove', '/gone', '--yes']);
    expect(again).toMatchObject({ code: 1, stderr: 'error: label "/gone": unknown to the server\n' });
  });

  test('never show the keys that other clients put into their metadata', async () => {
    await using server = await startScriptedServer([answer('getfilemsg', [FILE])]);
    const argv = ['fs', 'info', '-i', FILE.fileid, '--port', String(server.address.port)];
    for (const flags of [[], ['--json']]) {
      const { code, stdout, stderr } = await cli.run([...argv, ...flags]);
      expect(code).toBe(0);
      expect(stdout + stderr).not.toContain('do not show');
    }
  });

  test('that lie in S3 are told to need its variables', async () => {
    const s3object = { server: 's3.example.org', port: -1, object: 'key' };
    const file = { ...FILE, size: 4, checksum: 'ab'.repeat(32), ref: { protocol: 's3', s3object } };
    await using server = await startScriptedServer([answer('getfilemsg', [file])]);
    await using directory = await temporaryDirectory();
    const argv = ['fs', 'get', '-i', FILE.fileid, '-d', directory.path, '--port', String(server.address.port)];
    const { code, stderr } = await cli.run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('lies in S3 at "s3.example.org", for which nothing is set; set AWS_S3_ENDPOINT');
  });

  test.each([
    [['fs', 'info'], 'expected either --fileid, or --label and --name'],
    [['fs', 'get', '-l', '/x'], 'expected either --fileid, or --label and --name'],
    [['fs', 'remove', '-i', 'x', '-l', '/x', '-n', 'y'], 'expected either --fileid, or --label and --name'],
    [['fs', 'snapshot', 'info'], 'expected either --snapshotid or --snapshotname'],
  ])('need to be named: %j', async (argv, message) => {
    const { code, stderr } = await cli.run(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('snapshots', () => {
  test('keep the state of a label, are listed, described, fetched and removed', async () => {
    await using here = await temporaryDirectory();
    await using there = await temporaryDirectory();
    await writeTree(here.path, { f: 'before', 'sub/g': 'same' });
    await sync(here.path, '/snap');
    const created = await cli.run(['fs', 'snapshot', 'create', '-l', '/snap', '-n', 'first']);
    expect(created).toMatchObject({ code: 0, stderr: 'Snapshot created: first\n' });
    const snapshotId = created.stdout.trim();
    await writeTree(here.path, { f: 'after' });
    await sync(here.path, '/snap');
    expect((await cli.run(['fs', 'snapshot', 'ls'])).stdout).toMatch(
      new RegExp(`^NAME +SNAPSHOTID +LABEL +FILES +ADDED \\(UTC\\)\nfirst +${snapshotId} +/snap +2 `, 'u'),
    );
    expect((await cli.run(['fs', 'snapshot', 'info', '-n', 'first'])).stdout).toMatch(/\nf +\/snap +6 B +\w+ /u);
    const downloaded = await cli.run(['fs', 'snapshot', 'download', '-i', snapshotId, '-d', there.path]);
    expect(downloaded).toMatchObject({ code: 0, stderr: 'Snapshot downloaded: first\n' });
    expect(await readTree(there.path)).toEqual({ f: 'before', 'sub/g': 'same' });
    const removed = await cli.run(['fs', 'snapshot', 'remove', '-n', 'first']);
    expect(removed.stderr).toBe('Snapshot "first" removed\n');
    await cli.run(['fs', 'snapshot', 'create', '-l', '/snap', '-n', 'second']);
    expect((await cli.run(['fs', 'snapshot', 'removeall'])).code).toBe(2);
    expect((await cli.run(['fs', 'snapshot', 'removeall', '--yes'])).stderr).toBe(
      'Removed all snapshots of colony test\n',
    );
    expect(await cli.json(['fs', 'snapshot', 'ls'])).toEqual([]);
  });
});

describe('function submit --snapshot', () => {
  const conditions = { executortype: 'nobody' };

  test('hands the files over as they are now', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { f: 'x' });
    await sync(here.path, '/handed');
    const fs = { mount: '/cfs', snapshots: [{ label: '/handed', dir: '/in', keepfiles: true }], dirs: [] };
    await writeTree(here.path, { 'spec.json': JSON.stringify({ funcname: 'work', conditions, fs }) });
    const submitted = await cli.json(['function', 'submit', '--spec', 'spec.json', '--snapshot'], { cwd: here.path });
    expect(submitted).toMatchObject({
      spec: { fs: { mount: '/cfs', snapshots: [{ label: '/handed', dir: '/in', keepfiles: true }] } },
    });
    const [id] = /(?<="snapshotid":")\w{64}/u.exec(JSON.stringify(submitted)) ?? [''];
    expect(await cli.json(['fs', 'snapshot', 'info', '-i', id])).toMatchObject({
      label: '/handed',
      fileids: [expect.any(String)],
    });
  });

  test('needs labels in the spec', async () => {
    await using here = await temporaryDirectory();
    await writeTree(here.path, { 'spec.json': JSON.stringify({ funcname: 'work', conditions }) });
    const { code, stderr } = await cli.run(['function', 'submit', '--spec', 'spec.json', '--snapshot'], {
      cwd: here.path,
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      '--snapshot: expected labels in "fs": {"snapshots": [...]} of the function spec, got none',
    );
  });
});

test.each([
  [['fs', 'info', '-i', 'e'], 'file e'],
  [['fs', 'get', '-l', '/no', '-n', 'no'], 'file "/no/no"'],
  [['fs', 'remove', '-l', '/no', '-n', 'no'], 'file "/no/no"'],
  [['fs', 'snapshot', 'info', '-n', 'no'], 'snapshot "no"'],
  [['fs', 'snapshot', 'remove', '-i', 'no'], 'snapshot no'],
  [['fs', 'snapshot', 'download', '-n', 'no', '-d', 'x'], 'snapshot "no"'],
])('what the server does not have is named in plain words: %j', async (argv, what) => {
  const { code, stderr } = await cli.run(argv);
  expect({ code, stderr }).toEqual({ code: 1, stderr: `error: ${what}: unknown to the server\n` });
});

test('strangers see and change nothing', async () => {
  const { privateKey } = generateIdentity();
  for (const argv of [['ls'], ['label', 'ls'], ['snapshot', 'ls'], ['info', '-l', '/a', '-n', 'b']]) {
    const { code, stderr } = await run(['fs', ...argv, '--prvkey', privateKey], { env: cli.env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/the server refused \(403\)/u);
  }
});

test('a directory that is a file is refused', async () => {
  await using here = await temporaryDirectory();
  await writeTree(here.path, { f: 'x' });
  const { code, stderr } = await sync(join(here.path, 'f'), '/x');
  expect(code).toBe(1);
  expect(stderr).toContain('expected a readable directory');
  expect((await stat(join(here.path, 'f'))).isFile()).toBe(true);
});
