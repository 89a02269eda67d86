import { bigIntEngine } from '../modular/bigint-engine.ts';
import { OpenRings } from './open-rings.ts';
import { runTask } from './tasks.ts';
import type { Operation, Task, TaskKey } from './tasks.ts';

const rings = new OpenRings(bigIntEngine);

/** A task without the place for its result. */
export interface Computation {
  readonly key: TaskKey;
  readonly operation: Operation;
  readonly count: number;
  readonly inputs: readonly Uint8Array[];
  readonly outBytes: number;
}

/** Performs a computation and gives its result. */
export function compute(computation: Computation, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const { outBytes, ...rest } = computation;
  const task: Task = { ...rest, out: new Uint8Array(outBytes) };
  runTask(rings, task);
  return Promise.resolve(task.out);
}
