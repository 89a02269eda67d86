import type { Logger } from 'pino';
import * as z from 'zod';
import type { BlobStore } from './blobs/store.ts';

/** What a function's body receives besides its values. */
export interface CallContext {
  readonly processId: string;
  /** The workflow the process belongs to; empty outside workflows. */
  readonly workflowId: string;
  readonly nodeName: string;
  /** How many earlier attempts ran out of time. */
  readonly retries: number;
  /** Fires at the process's deadline, when it is cancelled, and when the daemon must stop. Hand it to everything slow. */
  readonly signal: AbortSignal;
  /** The daemon's own structured log. Never a key, a plaintext or a row. */
  readonly log: Logger;
  /**
   * Storage for values too large for a process: stream what a reference names, put what an output shall name. Until the
   * deadline it waits for a storage that is away.
   */
  readonly blobs: BlobStore;
  /** Adds a line to the process's log on the server, where every member of the colony reads it. */
  readonly report: (message: string) => Promise<void>;
}

/** What a root function receives from parents: nothing. */
const NoInputs = z.tuple([]);

/** A function that an executor runs: how its values are read from and written to the wire, and its body. */
export interface ColonyFunction<
  K extends z.ZodType = z.ZodType,
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
> {
  /** One sentence for people who look for a function. */
  readonly description: string;
  /** The named arguments of the function spec. */
  readonly kwargs: K;
  /** The outputs of the parents, in the order of the spec's dependencies, as one array. */
  readonly inputs: I;
  /** What is closed with: one output element, always a string on the wire. */
  readonly output: O;
  /** Method syntax on purpose: it lets a concrete function stand where a general one is expected. */
  run(call: { kwargs: z.output<K>; inputs: z.output<I> } & CallContext): Promise<z.output<O>>;
}

/** A function of a root node: it has no parents, so no inputs. */
export function rootFunction<K extends z.ZodType, O extends z.ZodType>(
  definition: Omit<ColonyFunction<K, typeof NoInputs, O>, 'inputs'>,
): ColonyFunction<K, typeof NoInputs, O> {
  return { inputs: NoInputs, ...definition };
}

/** A function of a node with parents. */
export function defineFunction<K extends z.ZodType, I extends z.ZodType, O extends z.ZodType>(
  definition: ColonyFunction<K, I, O>,
): ColonyFunction<K, I, O> {
  return definition;
}

/** A kind of daemon: the executor type it registers as, and the functions it runs by their Colonies names. */
export interface ExecutorDefinition<
  T extends string = string,
  F extends Readonly<Record<string, ColonyFunction>> = Readonly<Record<string, ColonyFunction>>,
> {
  readonly type: T;
  readonly functions: F;
}

/** Declares a kind of daemon. */
export function defineExecutor<const T extends string, F extends Readonly<Record<string, ColonyFunction>>>(
  executor: ExecutorDefinition<T, F>,
): ExecutorDefinition<T, F> {
  return executor;
}

/** The named arguments of a function as they stand in workflow JSON. */
export type WireKwargs<F extends ColonyFunction> = z.input<F['kwargs']>;
/** What a function's body returns. */
export type Output<F extends ColonyFunction> = z.output<F['output']>;
