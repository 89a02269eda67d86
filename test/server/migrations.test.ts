import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'libsql';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { identityFromPrivateKey } from '../../colony/identity.ts';
import { getLogs } from '../../colony/messages/logs.ts';
import type { Message } from '../../colony/messages/message.ts';
import { assignProcess, closeSuccessful, getProcess, submitFunctionSpec } from '../../colony/messages/processes.ts';
import { getWorkflow } from '../../colony/messages/workflows.ts';
import { startServer } from '../../server/index.ts';
import { type Database, openDatabase } from '../../server/store/database.ts';
import { migrate, NEWEST_VERSION } from '../../server/store/schema.ts';
import { rpc } from '../support/rpc.ts';
import { functionSpec } from '../support/test-colony.ts';
import stored from '../vectors/server-version-1.json' with { type: 'json' };

const [user, executor] = [stored.user, stored.executor].map(identityFromPrivateKey);
const { processIds, workflowId } = stored;

/** A file that holds the database of version 1, brought to a version. */
async function storedAt(version: number) {
  const directory = await mkdtemp(join(tmpdir(), 'migrations-'));
  const path = join(directory, 'server.db');
  const connection = new Sqlite(path);
  for (const statement of stored.statements) connection.exec(statement);
  migrate(asDatabase(connection), path, version);
  connection.close();
  return { path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

function unused(): never {
  throw new Error('migrating needs no more');
}

/** As much of a database as migrating takes. */
function asDatabase(connection: InstanceType<typeof Sqlite>): Database {
  return {
    all: unused,
    remember: unused,
    isInTransaction: unused,
    close: unused,
    changeCount: unused,
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- as the interface has it
    get: <Row>(sql: string) => connection.prepare(sql).get() as Row | undefined,
    run(sql) {
      connection.exec(sql);
      return 0;
    },
    transaction: (work) => work(),
  };
}

/** All tables and indexes, however they were written down. */
function schemaOf(path: string): unknown[] {
  const connection = new Sqlite(path);
  const rows = connection.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();
  connection.close();
  return rows.map((row) =>
    JSON.stringify(row)
      .replaceAll(/(?:\\n|\s)+/gu, ' ')
      .replaceAll(/ ?([(),]) ?/gu, '$1'),
  );
}

const versions = Array.from({ length: NEWEST_VERSION }, (_, index) => index + 1);

test.each(versions)('a database of version %i gets the tables and indexes of a new one', async (version) => {
  await using old = await storedAt(version);
  openDatabase(old.path).close();
  const newPath = `${old.path}.new`;
  openDatabase(newPath).close();
  expect(schemaOf(old.path)).toEqual(schemaOf(newPath));
});

test.each(versions)('the work in a database of version %i goes on', async (version) => {
  await using old = await storedAt(version);
  const log = pino({ level: 'silent' });
  await using server = await startServer({ port: 0, databasePath: old.path, serverId: stored.serverId, log });
  const call = <Request, Reply>(identity: typeof user, message: Message<Request, Reply>, request: Request) =>
    rpc(server.address, identity, message, request);
  const processOf = (processId: string) => call(user, getProcess, { processId });
  expect(await processOf(processIds.a)).toMatchObject({ state: 'success', output: ['from a'] });
  expect(await processOf(processIds.b)).toMatchObject({ state: 'running', input: ['from a'] });
  expect(await processOf(processIds.c)).toMatchObject({ state: 'waiting', waitForParents: true });
  expect(await processOf(processIds.bad)).toMatchObject({ state: 'failed', errors: ['it failed'] });
  const lines = { colonyName: 'test', processId: processIds.b, executorName: '', count: 10, sinceNs: 0, latest: false };
  expect(await call(user, getLogs, lines)).toMatchObject([{ message: 'a line' }]);

  const poll = { colonyName: 'test', timeoutSeconds: 10, availableCpu: '', availableMemory: '' };
  const close = (processId: string, output: string[]) => call(executor, closeSuccessful, { processId, output });
  expect(await call(executor, assignProcess, poll)).toMatchObject({ processId: processIds.waiting });
  await close(processIds.waiting, []);
  await close(processIds.b, ['from b']);
  expect(await call(executor, assignProcess, poll)).toMatchObject({
    processId: processIds.c,
    input: ['from a', 'from b'],
    inputCounts: [1, 1],
  });
  await close(processIds.c, ['from c']);
  expect(await call(user, getWorkflow, { workflowId })).toMatchObject({ state: 'success' });
  const { processId } = await call(user, submitFunctionSpec, { spec: functionSpec('test', 'worker') });
  expect(await call(executor, assignProcess, poll)).toMatchObject({ processId });
});
