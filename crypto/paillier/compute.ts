import { bigIntEngine } from '../modular/bigint-engine.ts';
import { OpenRings } from './open-rings.ts';
import { runTask } from './tasks.ts';
import type { Task } from './tasks.ts';

const rings = new OpenRings(bigIntEngine);

/** A buffer of zeros that worker threads read and write without copying. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/** Performs a task and resolves when `task.out` holds its result. */
export function compute(task: Task, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  runTask(rings, task);
  return Promise.resolve();
}
