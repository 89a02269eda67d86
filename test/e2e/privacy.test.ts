import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { type DevelopmentColony, loadDevelopmentColony } from '../../colony/development-colony.ts';
import { openDesk, type Desk } from '../support/processes.ts';
import { startRecordingProxy } from '../support/recording-proxy.ts';

const SPEC = join(import.meta.dirname, '..', '..', 'workflows', 'hospital-sum', 'workflow.json');
const SECRETS = { r1: '918273645501928374', r2: '102030405060708091' } as const;
const SUM = (BigInt(SECRETS.r1) + BigInt(SECRETS.r2)).toString();

test('neither server nor cloud nor any log sees a plaintext or a private key', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  await using hospitalWire = await startRecordingProxy(desk.port);
  await using cloudWire = await startRecordingProxy(desk.port);
  await using userWire = await startRecordingProxy(desk.port);
  const through = (port: number): NodeJS.ProcessEnv => environmentThrough(desk, port);
  const daemons = [
    desk.start(
      ['executor', 'start', 'hospital', 'r1-hospital_executor', SECRETS.r1, '--verbose'],
      through(hospitalWire.port),
    ),
    desk.start(
      ['executor', 'start', 'hospital', 'r2-hospital_executor', SECRETS.r2, '--verbose'],
      through(hospitalWire.port),
    ),
    desk.start(['executor', 'start', 'cloud', '--verbose'], through(cloudWire.port)),
  ];
  await desk.run(['keys', 'generate', '--bits', '2048']);
  const first = await submit(desk, through(userWire.port));
  const second = await submit(desk, through(userWire.port));
  const decrypted = await desk.run(['decrypt', first], through(userWire.port));
  expect(decrypted.stdout, decrypted.stderr).toBe(`The sum of all patient data is: ${SUM}\n`);

  const { p, q } = await privateKey(desk);
  const figures = [SECRETS.r1, SECRETS.r2, SUM, p, q].flatMap(spellings);
  const signingKeys = privateKeysOf(colonyOf(desk));
  const seen: Readonly<Record<string, string>> = {
    'the wire of the hospitals': hospitalWire.readableText(),
    'the wire of the cloud': cloudWire.readableText(),
    'the wire of the user': userWire.readableText(),
    "the server's files": await contentsOf(join(desk.directory, 'home')),
    'the logs': daemons.map((daemon) => daemon.stderr() + daemon.stdout()).join('\n'),
  };
  for (const [where, text] of Object.entries(seen)) {
    expect(text.length, where).toBeGreaterThan(500);
    // The development colony keeps the keys that sign in its own file, beside the server's database.
    const secrets = where === "the server's files" ? figures : [...figures, ...signingKeys];
    for (const secret of secrets) expect(text.includes(secret), `${where} shows a secret`).toBe(false);
  }
  expect(cloudWire.readableText()).toContain('sum_patient_data');
  expect(await outputOf(desk, first)).not.toBe(await outputOf(desk, second));
});

test('the recording would show a plaintext that travelled', async () => {
  await using desk = await openDesk();
  await desk.startServer();
  await using wire = await startRecordingProxy(desk.port);
  await desk.run(
    ['function', 'exec', '--func', 'echo', '--targettype', 'nobody', '--args', SECRETS.r1],
    environmentThrough(desk, wire.port),
  );
  expect(wire.readableText()).toContain(SECRETS.r1);
});

/** How a number might stand in text. */
function spellings(decimal: string): string[] {
  return [decimal, BigInt(decimal).toString(16)];
}

function colonyOf(desk: Desk): DevelopmentColony {
  const colony = loadDevelopmentColony(join(desk.directory, 'home'));
  if (colony === undefined) throw new Error('expected the development colony of the server');
  return colony;
}

function privateKeysOf({ serverIdentity, colonyIdentity, userIdentity }: DevelopmentColony): string[] {
  return [serverIdentity, colonyIdentity, userIdentity].map(({ privateKey: key }) => key);
}

function environmentThrough(desk: Desk, port: number): NodeJS.ProcessEnv {
  const colony = colonyOf(desk);
  return {
    COLONIES_SERVER_HOST: '127.0.0.1',
    COLONIES_SERVER_HTTP_PORT: String(port),
    COLONIES_TLS: 'false',
    COLONIES_COLONY_NAME: colony.colonyName,
    COLONIES_PRVKEY: colony.userIdentity.privateKey,
    COLONIES_COLONY_PRVKEY: colony.colonyIdentity.privateKey,
  };
}

const Submitted = z.looseObject({ resultProcessId: z.string() });

async function submit(desk: Desk, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout, stderr } = await desk.run(['workflow', 'submit', '--spec', SPEC, '--wait', '--json'], env);
  expect(stdout, stderr).not.toBe('');
  return Submitted.parse(JSON.parse(stdout)).resultProcessId;
}

const PrivateKey = z.object({ p: z.string(), q: z.string() });

async function privateKey(desk: Desk): Promise<z.output<typeof PrivateKey>> {
  const text = await readFile(join(desk.directory, 'private_key.b64'), 'utf8');
  return PrivateKey.parse(JSON.parse(Buffer.from(text, 'base64').toString()));
}

async function contentsOf(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

async function outputOf(desk: Desk, processId: string): Promise<string> {
  return (await desk.run(['process', 'get', '--processid', processId, '--out'])).stdout;
}
