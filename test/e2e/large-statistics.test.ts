import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { loadDevelopmentColony } from '../../colony/development-colony.ts';
import { type Desk, openDesk } from '../support/processes.ts';
import { startRecordingProxy } from '../support/recording-proxy.ts';
import { startS3Server } from '../support/s3-server.ts';

const COLUMNS = Array.from({ length: 240 }, (_, index) => `c${index}`);
const GROUPS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const ROWS_PER_GROUP = 6;
const THRESHOLD_BYTES = 256 * 1024;
/** Values that are found in whatever shows plaintexts. */
const SECRETS = { north: 918_273_645, south: 102_030_405 } as const;

/** The figures of a hospital: every row of a group holds the same, so that sums are known. */
async function prepareHospital(desk: Desk, name: keyof typeof SECRETS): Promise<void> {
  const rows = GROUPS.flatMap((group) =>
    Array.from({ length: ROWS_PER_GROUP }, () => [...COLUMNS.map(() => SECRETS[name]), group].join(',')),
  );
  await writeFile(join(desk.directory, `${name}.csv`), `${[...COLUMNS, 'ward'].join(',')}\n${rows.join('\n')}\n`);
  const config = {
    source: { kind: 'csv', path: `${name}.csv` },
    columns: '*',
    groupColumns: ['ward'],
    acceptedKeys: '*',
  };
  await writeFile(join(desk.directory, `${name}.json`), JSON.stringify(config));
}

async function writeWorkflow(desk: Desk): Promise<void> {
  const request = { columns: COLUMNS, 'group-by': 'ward', groups: GROUPS, 'scale-bits': 128 };
  const kwargs = { 'paillier-pubkey': '${public_key}', ...request, 'max-magnitude': '1000000000000000000000000000000' };
  const node = (nodename: string, funcname: string, executortype: string, dependencies: readonly string[]) => ({
    nodename,
    funcname,
    kwargs,
    maxexectime: 120,
    maxretries: 3,
    conditions: { executortype, dependencies },
  });
  const spec = [
    node('north', 'get_statistics', 'north-hospital', []),
    node('south', 'get_statistics', 'south-hospital', []),
    node('total', 'sum_statistics', 'cloud-hospital-executor', ['north', 'south']),
  ];
  await writeFile(join(desk.directory, 'workflow.json'), JSON.stringify(spec));
}

function environmentThrough(desk: Desk, port: number): NodeJS.ProcessEnv {
  const colony = loadDevelopmentColony(join(desk.directory, 'home'));
  return {
    COLONIES_SERVER_HOST: '127.0.0.1',
    COLONIES_SERVER_HTTP_PORT: String(port),
    COLONIES_TLS: 'false',
    COLONIES_COLONY_NAME: colony?.colonyName,
    COLONIES_PRVKEY: colony?.userIdentity.privateKey,
    COLONIES_COLONY_PRVKEY: colony?.colonyIdentity.privateKey,
  };
}

const Submitted = z.looseObject({ resultProcessId: z.string() });
const Decrypted = z.looseObject({ rows: z.array(z.looseObject({ count: z.number(), sum: z.number() })) });

/** Runs the workflow and reads its result. */
async function run(desk: Desk, env: NodeJS.ProcessEnv): Promise<{ readonly output: string; readonly sums: number[] }> {
  const daemons = [
    desk.start(['executor', 'start', 'hospital', 'north-hospital', '--config', 'north.json'], env),
    desk.start(['executor', 'start', 'hospital', 'south-hospital', '--config', 'south.json'], env),
    desk.start(['executor', 'start', 'cloud'], env),
  ];
  await desk.run(['keys', 'generate', '--bits', '2048']);
  const submitted = await desk.run(['workflow', 'submit', '--spec', 'workflow.json', '--wait', '--json'], env);
  const logs = (): string => submitted.stderr + daemons.map(({ stderr }) => stderr()).join('');
  expect(submitted.exitCode, logs()).toBe(0);
  const { resultProcessId } = Submitted.parse(JSON.parse(submitted.stdout));
  const { stdout: output } = await desk.run(['process', 'get', '--processid', resultProcessId, '--out'], env);
  const decrypted = await desk.run(['decrypt', resultProcessId, '--json'], env);
  expect(decrypted.exitCode, decrypted.stderr).toBe(0);
  const { rows } = Decrypted.parse(JSON.parse(decrypted.stdout));
  return { output, sums: rows.map(({ sum }) => sum) };
}

const EXPECTED_SUM = (SECRETS.north + SECRETS.south) * ROWS_PER_GROUP;
const FIGURES = [SECRETS.north, SECRETS.south, SECRETS.north * ROWS_PER_GROUP, EXPECTED_SUM];

/** How a figure might stand in text or in bytes. */
function spellings(figure: number): string[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(figure % 2 ** 32);
  return [String(figure), figure.toString(16), bytes.toString('latin1')];
}

async function prepare(desk: Desk): Promise<void> {
  await desk.startServer();
  await prepareHospital(desk, 'north');
  await prepareHospital(desk, 'south');
  await writeWorkflow(desk);
}

test('statistics too large for a process travel as blobs of the server, which hold ciphertexts only', async () => {
  await using desk = await openDesk();
  await prepare(desk);
  await using wire = await startRecordingProxy(desk.port);
  const { output, sums } = await run(desk, environmentThrough(desk, wire.port));
  expect(sums).toEqual(COLUMNS.flatMap(() => GROUPS.map(() => EXPECTED_SUM)));
  expect(output).toMatch(/"data\\*":\{\\*"blob\\*":\\*"sha256:[0-9a-f]{64}/u);
  expect(output.length).toBeLessThan(2000);

  const stored = await blobsOf(desk);
  expect(stored).toHaveLength(3);
  for (const blob of stored) expect(blob.length).toBeGreaterThan(THRESHOLD_BYTES);
  const traffic = wire.readableText();
  expect(traffic).toMatch(/PUT \/blobs\/sha256:/u);
  expect(traffic).toMatch(/GET \/blobs\/sha256:/u);
  const shown = [traffic, ...stored.map((blob) => blob.toString('latin1'))];
  for (const secret of FIGURES.flatMap(spellings)) {
    // Four bytes come up in megabytes of random ones; what would show a figure holds many of it.
    const count = shown.reduce((total, text) => total + text.split(secret).length - 1, 0);
    expect(count).toBeLessThan(3);
  }
});

test('with a bucket set, the same statistics travel through S3, and the server stores none of them', async () => {
  await using desk = await openDesk();
  await prepare(desk);
  await using s3 = await startS3Server();
  const { output, sums } = await run(desk, { ...environmentThrough(desk, desk.port), ...s3.env });
  expect(sums).toEqual(COLUMNS.flatMap(() => GROUPS.map(() => EXPECTED_SUM)));
  expect(output.length).toBeLessThan(2000);
  expect(await blobsOf(desk)).toEqual([]);
  expect(await readdir(join(s3.directory, s3.settings.bucket, 'sha256'))).not.toEqual([]);
});

async function blobsOf(desk: Desk): Promise<Buffer[]> {
  const entries = await readdir(join(desk.directory, 'home'), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.parentPath.endsWith('.blobs'));
  return Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name))));
}
