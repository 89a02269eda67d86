import { parentPort, workerData } from 'node:worker_threads';
import type { EngineName } from '../modular/engine.ts';
import { openEngine } from '../modular/select.ts';
import type { WorkerReply } from '../modular/workers.ts';
import { OpenRings } from './open-rings.ts';
import { runTask } from './tasks.ts';
import type { Task } from './tasks.ts';

/** What a worker thread is asked to do. */
export type WorkerMessage =
  | { readonly kind: 'run'; readonly task: Task }
  | { readonly kind: 'forgetTable'; readonly id: number };

const { engine }: { engine: EngineName } = workerData;
const rings = new OpenRings(openEngine(engine));

parentPort?.on('message', ({ message, silent }: { message: WorkerMessage; silent: boolean }) => {
  const reply = handle(message);
  if (!silent) parentPort?.postMessage(reply);
});

function handle(message: WorkerMessage): WorkerReply {
  try {
    if (message.kind === 'run') runTask(rings, message.task);
    else rings.forgetTable(message.id);
    return { ok: true };
  } catch (error) {
    return { ok: false, error };
  }
}
