import { expect, test } from 'vitest';
import * as z from 'zod';
import { addAttribute, getProcess, Process } from '../../colony/messages/processes.ts';
import { rpcRaw } from '../support/rpc.ts';
import { assign, quick, submitGraph, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** A process as it stands on the wire, and what the codec makes of the same process. */
async function bothForms(colony: TestColony, processId: string): Promise<{ sent: object; encoded: object }> {
  const sent = Object(
    await rpcRaw(colony.address, colony.user, getProcess.type, { processid: processId, msgtype: getProcess.type }),
  );
  const encoded: unknown = z.encode(Process, z.decode(Process, sent));
  // What is undefined does not stand on the wire.
  return { sent, encoded: Object(JSON.parse(JSON.stringify(encoded))) };
}

test('a process is answered with exactly the keys and values that its codec writes, in every state', async () => {
  await using colony = await startTestColony(quick);
  const executor = await colony.addExecutor('worker');
  const args = { args: [1, 'ä"\\', null, { deep: [true] }], kwargs: { n: 1e21 }, env: { KEY: '\u0000value' } };
  const workflow = await submitGraph(colony, 'worker', { a: [], b: ['a'] }, args);
  const [parentId = '', childId = ''] = workflow.processIds;
  const running = await assign(colony, executor);
  const attribute = {
    attributeId: '',
    processId: parentId,
    colonyName: colony.colonyName,
    workflowId: '',
    state: 0,
    attributeType: 1,
    key: 'k',
    value: 'v',
  };
  await colony.call(executor.identity, addAttribute, { attribute });
  for (const processId of [parentId, childId]) {
    const { sent, encoded } = await bothForms(colony, processId);
    expect(sent).toEqual(encoded);
    expect(Object.keys(sent).toSorted()).toEqual(Object.keys(encoded).toSorted());
  }
  await succeed(colony, executor, running, ['out', 2]);
  for (const processId of [parentId, childId]) {
    const { sent, encoded } = await bothForms(colony, processId);
    expect(sent).toEqual(encoded);
  }
});
