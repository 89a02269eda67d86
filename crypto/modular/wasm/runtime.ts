/** The part of the WebAssembly JavaScript interface used here; the compiler's libraries for Node do not declare it. */

import type { KernelFunctions } from './kernel-functions.ts';

/** A compiled module of the kernel; opaque. */
export interface CompiledModule {
  readonly [Symbol.toStringTag]?: string;
}

/** Linear memory; `buffer` is replaced when it grows. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WebAssemblyInterface {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Memory: new (limits: { initial: number }) => LinearMemory;
  readonly Instance: new (
    module: CompiledModule,
    imports: { env: { memory: LinearMemory } },
  ) => { readonly exports: KernelFunctions };
}

declare const WebAssembly: WebAssemblyInterface | undefined;

/** The runtime's WebAssembly, or undefined where it was switched off. */
export const webAssembly = typeof WebAssembly === 'undefined' ? undefined : WebAssembly;
