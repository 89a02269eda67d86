import { parentPort } from 'node:worker_threads';
import { recoverId } from '../colony/signature-recovery.ts';
import { toError } from '../colony/errors.ts';
import type { Recovered, Signed } from './signers.ts';

/** A thread that finds out who signed: first says that it is ready, then answers what it gets, one by one, in order. */
const port = parentPort;
if (port === null) throw new Error('signer worker: expected to be a worker thread, got the main thread');

port.on('message', (batch: readonly Signed[]) => {
  for (const { payload, signature } of batch) port.postMessage(recover(payload, signature));
});
port.postMessage('ready');

function recover(payload: string, signature: string): Recovered {
  try {
    return { id: recoverId(payload, signature) };
  } catch (thrown) {
    return { fault: toError(thrown).message };
  }
}
