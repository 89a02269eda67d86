/**
 * The portable engine: WebAssembly with 128-bit SIMD, embedded in the JavaScript. Theory, bounds and layout:
 * kernels/wasm/README.md.
 */

import { Buffer } from 'node:buffer';

import { relaxedModuleBase64, simdModuleBase64 } from '../../kernels/wasm/generated.ts';
import type { FactoredRing, ModularEngine, SquareRing } from './engine.ts';
import { type CompiledModule, webAssembly } from './wasm/runtime.ts';
import { WasmFactoredRing } from './wasm/factored-ring.ts';
import { LANES, WasmSquareRing } from './wasm/square-ring.ts';

/** What {@link loadWasmEngine} may use. */
export interface WasmEngineOptions {
  /**
   * Whether to take the module with relaxed SIMD where the runtime has it (Node 22 and later). Its results do not depend on
   * how the machine carries out the relaxed instructions. @default true
   */
  readonly relaxed?: boolean;
}

class WasmEngine implements ModularEngine {
  readonly name: 'wasm' | 'wasm-relaxed';
  readonly lanes = LANES;
  readonly constantTime = true;
  readonly #module: CompiledModule;

  constructor(name: 'wasm' | 'wasm-relaxed', module: CompiledModule) {
    this.name = name;
    this.#module = module;
  }

  openRing(root: bigint): SquareRing {
    return new WasmSquareRing(this.#module, root);
  }

  openFactoredRing(p: bigint, q: bigint): FactoredRing {
    return new WasmFactoredRing(this.#module, p, q);
  }
}

/** Compiled modules of this thread; undefined where the runtime lacks an instruction. */
const compiled = new Map<string, CompiledModule | undefined>();

function compileOnce(base64: string): CompiledModule | undefined {
  if (!compiled.has(base64)) {
    const bytes = Buffer.from(base64, 'base64');
    compiled.set(base64, webAssembly?.validate(bytes) ? new webAssembly.Module(bytes) : undefined);
  }
  return compiled.get(base64);
}

/**
 * Loads the WebAssembly engine into this thread, at once and without reading a file.
 *
 * @returns undefined where the runtime has no 128-bit SIMD
 */
export function loadWasmEngine(options: WasmEngineOptions = {}): ModularEngine | undefined {
  const relaxed = (options.relaxed ?? true) ? compileOnce(relaxedModuleBase64) : undefined;
  if (relaxed) return new WasmEngine('wasm-relaxed', relaxed);
  const simd = compileOnce(simdModuleBase64);
  return simd ? new WasmEngine('wasm', simd) : undefined;
}
