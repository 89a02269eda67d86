import { pino } from 'pino';
import { createColoniesClient } from '../../colony/client.ts';
import { runUntilSignal } from '../../colony/run-until-signal.ts';
import { waitForProcess } from '../../colony/subscription.ts';
import { startWorker } from '../../colony/worker.ts';
import { functionSpec, type TestColony } from '../support/test-colony.ts';
import { daemonOf, echo, TYPE } from './daemons.ts';

/**
 * A daemon as a program of its own. `echo`: runs one process, stops, and must then end by itself. `hang`: works until
 * two signals end it, since its function never does.
 */
interface Order extends TestColony {
  readonly mode: 'echo' | 'hang';
}

const { address, colonyName, colonyOwner, user, mode }: Order = JSON.parse(process.env['COLONY'] ?? '{}');
const starting = startWorker(mode === 'echo' ? echo : daemonOf(() => new Promise(() => {})), {
  server: address,
  colonyName,
  colonyIdentity: colonyOwner,
  log: pino(),
});
if (mode === 'echo') {
  const worker = await starting;
  const client = createColoniesClient({ server: address, identity: user });
  const spec = functionSpec(colonyName, TYPE, { functionName: 'repeat', kwargs: { text: 'a' } });
  const { processId } = await client.submitFunctionSpec({ spec });
  await waitForProcess(client, { processId });
  await worker.stop();
} else {
  await runUntilSignal(starting, { graceMs: 3_600_000 });
}
