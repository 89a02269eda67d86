import { parentPort } from 'node:worker_threads';
import { recoverId } from '../colony/signature-recovery.ts';
import { toError } from '../colony/errors.ts';
import type { Recovered, Signed } from './signers.ts';

/** So many answers go back together: every message costs both threads some microseconds. */
const ANSWERS_PER_MESSAGE = 3;

/** A thread that finds out who signed: first says that it is ready, then answers what it gets, in order. */
const port = parentPort;
if (port === null) throw new Error('signer worker: expected to be a worker thread, got the main thread');

port.on('message', (batch: readonly Signed[]) => {
  for (let start = 0; start < batch.length; start += ANSWERS_PER_MESSAGE) {
    port.postMessage(batch.slice(start, start + ANSWERS_PER_MESSAGE).map(recover));
  }
});
port.postMessage('ready');

function recover({ payload, signature }: Signed): Recovered {
  try {
    return { id: recoverId(payload, signature) };
  } catch (thrown) {
    return { fault: toError(thrown).message };
  }
}
