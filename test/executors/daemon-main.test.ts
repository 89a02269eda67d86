import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { openDesk } from '../support/processes.ts';
import { startTestColony } from '../support/test-colony.ts';

const TSX = ['--import', import.meta.resolve('tsx')];
const MAIN = join(import.meta.dirname, '..', '..', 'executors', 'hospital', 'main.ts');

test('a hospital that the server refuses says why in one line, and ends with 1', async () => {
  await using colony = await startTestColony();
  await using desk = await openDesk();
  const { exitCode, stderr } = await desk.startProgram([...TSX, MAIN, 'r1-hospital', '55'], {
    COLONIES_SERVER_HTTP_PORT: String(colony.address.port),
    COLONIES_COLONY_NAME: colony.colonyName,
    COLONIES_COLONY_PRVKEY: generateIdentity().privateKey,
  }).outcome;
  expect(exitCode).toBe(1);
  expect(stderr.trim().split('\n').at(-1)).toMatch(/^addexecutormsg: the server answered 403: /u);
});
