import { elementAt } from '../modular/bytes.ts';
import { selectEngine } from '../modular/select.ts';
import type { EngineDescription, Selection } from '../modular/select.ts';
import { WorkerPool } from '../modular/workers.ts';
import type { Priority } from '../modular/workers.ts';
import { estimateMicros, lanesOf } from './cost.ts';
import { OpenRings } from './open-rings.ts';
import { SharedBuffers } from './shared-buffers.ts';
import { isReduction, isWhole, runTask } from './tasks.ts';
import type { Operation, Task } from './tasks.ts';
import { Turns } from './turns.ts';
import type { WorkerMessage } from './worker.ts';

/** Work of this length runs in the calling thread: handing it to another one would cost about as much. */
const INLINE_MICROS = 3000;
/** Length of the pieces that workers get: short enough that an abort takes effect soon. */
const PIECE_MICROS = 10_000;

/** How to compute. */
export interface ComputeOptions {
  /** Drops what no thread has started. */
  readonly signal?: AbortSignal | undefined;
  /** Background work waits until the threads have nothing else to do. @default normal */
  readonly priority?: Priority;
}

/** Everything that lives as long as the process, or until {@link stopComputing}. */
interface Runtime extends Selection {
  readonly rings: OpenRings;
  readonly workers: WorkerPool<WorkerMessage>;
}

let runtime: Runtime | undefined;
let threads: number | undefined;
const buffers = new SharedBuffers();
const turns = new Turns(INLINE_MICROS);

/** Which engine computes, in how many threads: for `colonies version`. Selects it if nothing was computed yet. */
export function describeEngine(): EngineDescription & { readonly threads: number } {
  const { description, workers } = openRuntime();
  return { ...description, threads: workers.size };
}

/**
 * Sets the number of worker threads; must come before the first computation.
 *
 * @throws RangeError when it is no positive integer; Error when computations have started
 */
export function setThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`threads: expected a positive integer, got ${count}`);
  if (runtime) throw new Error('threads: expected to be set before the first computation; call closeCrypto() first');
  threads = count;
}

/** The selected engine's rings in this thread, for questions that need no computation. */
export function localRings(): OpenRings {
  return openRuntime().rings;
}

/** A buffer of zeros that worker threads read and write without copying. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

/**
 * Performs a task: in this thread when it is short, spread over worker threads otherwise. Plaintexts that go in are
 * overwritten.
 *
 * @returns resolves when `task.out` holds the result
 */
export async function compute(task: Task, options: ComputeOptions = {}): Promise<void> {
  try {
    await perform(task, options);
  } finally {
    const { kind } = task.operation;
    if (kind === 'encrypt' || kind === 'encryptAsOwner') for (const input of task.inputs) input.fill(0);
  }
}

/** Tells every thread to let go of a table. */
export function forgetTable(id: number): void {
  runtime?.rings.forgetTable(id);
  runtime?.workers.broadcast({ kind: 'forgetTable', id });
}

/** Ends the worker threads and closes the rings of this one. The next computation starts anew. */
export async function stopComputing(): Promise<void> {
  const stopping = runtime;
  runtime = undefined;
  buffers.clear();
  stopping?.rings.close();
  await stopping?.workers.close();
}

function openRuntime(): Runtime {
  if (runtime) return runtime;
  const selection = selectEngine();
  const rings = new OpenRings(selection.engine);
  const workers = new WorkerPool<WorkerMessage>(
    new URL('./worker', import.meta.url),
    { engine: selection.engine.name },
    threads,
  );
  runtime = { ...selection, rings, workers };
  return runtime;
}

async function perform(task: Task, options: ComputeOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const { engine, workers } = openRuntime();
  const micros = estimateMicros(engine, task);
  if (micros > INLINE_MICROS || options.priority === 'background') {
    return runInWorkers(workers, task, lanesOf(engine, task.operation), micros, options);
  }
  await turns.take(micros);
  // Taken only now: rings that closeCrypto() closed meanwhile would be opened again and never closed.
  runTask(localRings(), task);
}

async function runInWorkers(
  workers: WorkerPool<WorkerMessage>,
  task: Task,
  lanes: number,
  micros: number,
  options: ComputeOptions,
): Promise<void> {
  const copies: Uint8Array[] = [];
  const inputs = task.inputs.map((input) => toShared(input, copies));
  const operation = shareOperation(task.operation, copies);
  const shared = { ...task, operation, inputs, out: toShared(task.out, copies) };
  const pieces = piecesOf(shared, lanes, micros, workers.size);
  const jobs = pieces.map((piece) => workers.run({ kind: 'run', task: piece }, options));
  const failure = (await Promise.allSettled(jobs)).find((result) => result.status === 'rejected');
  if (!failure && pieces.length > 1 && isReduction(task.operation)) await combine(task, pieces);
  else if (!failure && shared.out !== task.out) task.out.set(shared.out);
  // Copies may hold plaintexts. After a failure a thread that is being stopped may still write.
  for (const copy of copies) {
    if (failure) copy.fill(0);
    else buffers.give(copy);
  }
  if (failure) throw failure.reason;
}

/** An operation whose bases every thread reads. */
function shareOperation(operation: Operation, copies: Uint8Array[]): Operation {
  if (operation.kind !== 'dotColumns') return operation;
  return { ...operation, bases: toShared(operation.bases, copies) };
}

function piecesOf(task: Task, lanes: number, micros: number, size: number): Task[] {
  if (isWhole(task.operation)) return [task];
  return isReduction(task.operation) ? reductionPieces(task, size) : elementwisePieces(task, lanes, micros, size);
}

/** Pieces that write side by side into the task's own result. */
function elementwisePieces(task: Task, lanes: number, micros: number, size: number): Task[] {
  const wanted = Math.max(size, Math.ceil(micros / PIECE_MICROS));
  const length = Math.ceil(task.count / wanted / lanes) * lanes;
  return ranges(task.count, length).map(([start, end]) =>
    sliceTask(task, start, end, section(task.out, task.count, start, end)),
  );
}

/** One piece for each thread, each with its own partial result. */
function reductionPieces(task: Task, size: number): Task[] {
  const length = Math.max(1, Math.ceil(task.count / size));
  if (task.count <= length) return [task];
  return ranges(task.count, length).map(([start, end]) => sliceTask(task, start, end, sharedBytes(task.out.length)));
}

async function combine(task: Task, pieces: readonly Task[]): Promise<void> {
  const width = task.out.length;
  const partials = new Uint8Array(pieces.length * width);
  for (const [index, piece] of pieces.entries()) elementAt(partials, index, width).set(piece.out);
  await compute({ ...task, operation: { kind: 'product' }, count: pieces.length, inputs: [partials] });
}

function sliceTask(task: Task, start: number, end: number, out: Uint8Array): Task {
  const inputs = task.inputs.map((input) => section(input, task.count, start, end));
  return { ...task, inputs, count: end - start, out };
}

function section(buffer: Uint8Array, count: number, start: number, end: number): Uint8Array {
  const width = buffer.length / count;
  return buffer.subarray(start * width, end * width);
}

function ranges(count: number, length: number): [start: number, end: number][] {
  return Array.from({ length: Math.ceil(count / length) }, (_, index) => [
    index * length,
    Math.min((index + 1) * length, count),
  ]);
}

function toShared(bytes: Uint8Array, copies: Uint8Array[]): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const copy = buffers.take(bytes.length);
  copy.set(bytes);
  copies.push(copy);
  return copy;
}
