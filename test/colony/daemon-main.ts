import { pino } from 'pino';
import { createColoniesClient } from '../../colony/client.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { startWorker } from '../../colony/worker.ts';
import { functionSpec, type TestColony } from '../support/test-colony.ts';
import { echo, TYPE } from './daemons.ts';

/** A program of its own: runs one process, stops its daemon, and must then end by itself. */
const { address, colonyName, colonyOwner, user }: TestColony = JSON.parse(process.env['COLONY'] ?? '{}');
const client = createColoniesClient({ server: address, identity: user });
const worker = await startWorker(echo, {
  server: address,
  colonyName,
  colonyIdentity: colonyOwner,
  log: pino({ level: 'silent' }),
});
const spec = functionSpec(colonyName, TYPE, { functionName: 'repeat', kwargs: { text: 'a' } });
const { processId } = await client.submitFunctionSpec({ spec });
const { state } = await waitForProcess(client, { processId });
process.stdout.write(`${state}\n`);
await worker.stop();
process.stdout.write('stopped\n');
