import { bigIntEngine } from './bigint-engine.ts';
import { EngineError } from './engine-error.ts';
import type { EngineName, ModularEngine } from './engine.ts';
import { loadNativeEngine, nativeEngineProblem } from './native-engine.ts';
import type { NativePath } from './native-engine.ts';
import { withOpenSsl } from './openssl.ts';
import { failsSelfTest } from './self-test.ts';
import { loadWasmEngine } from './wasm-engine.ts';

/** The environment variable that forces an engine. */
const ENGINE_VARIABLE = 'SEALED_COLONIES_ENGINE';

/** Which engine computes, and why. */
export interface EngineDescription {
  readonly name: EngineName;
  /** Numbers computed side by side. */
  readonly lanes: number;
  /** Whether work on secrets takes time and memory accesses that do not depend on them. */
  readonly constantTime: boolean;
  /** Whether the environment variable chose it. */
  readonly forced: boolean;
  /** Faster engines that are not used, with the reason. */
  readonly passedOver: readonly { readonly name: EngineName; readonly reason: string }[];
}

/** A selected engine with its description. */
export interface Selection {
  readonly engine: ModularEngine;
  readonly description: EngineDescription;
}

/** Gives an engine, or the reason why this machine or installation does not have it. */
export type EngineLoader = () => ModularEngine | string;

/** All engines, fastest first. */
const LOADERS: ReadonlyMap<EngineName, EngineLoader> = new Map<EngineName, EngineLoader>([
  ['native-ifma', () => loadNative('ifma')],
  ['native-avx512', () => loadNative('avx512')],
  ['native-avx2', () => loadNative('avx2')],
  ['wasm-relaxed', () => loadWasm('wasm-relaxed', 'this runtime lacks relaxed SIMD; Node 22 has it')],
  ['wasm', () => loadWasm('wasm', 'this runtime lacks 128-bit SIMD')],
  ['bigint', () => bigIntEngine],
]);

/**
 * Chooses the fastest engine that is there and passes its self-test. One that fails is never used: a warning is emitted
 * on the process and the next one is tried.
 *
 * @param forced the only engine to consider. @default the environment variable's, if set
 * @throws EngineError when the forced engine is unknown, not there or fails
 */
export function selectEngine(
  forced: string | undefined = process.env[ENGINE_VARIABLE] || undefined,
  loaders: ReadonlyMap<EngineName, EngineLoader> = LOADERS,
): Selection {
  const passedOver: { name: EngineName; reason: string }[] = [];
  for (const [name, load] of candidates(forced, loaders)) {
    const found = tested(load());
    if (typeof found !== 'string') return selected(found, forced !== undefined, passedOver);
    passedOver.push({ name, reason: found });
  }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new EngineError(
    `crypto: expected an engine, got none (${reasons}); unset ${ENGINE_VARIABLE} to use another one`,
  );
}

/** All engines that this machine and installation have, fastest first, tested or not. */
export function availableEngines(): ModularEngine[] {
  return [...LOADERS.values()].flatMap((load) => {
    const loaded = load();
    return typeof loaded === 'string' ? [] : [loaded];
  });
}

/** Opens the engine that {@link selectEngine} chose, in another thread of the same process. */
export function openEngine(name: EngineName): ModularEngine {
  const loaded = LOADERS.get(name)?.();
  if (typeof loaded === 'object') return besideOpenSsl(loaded);
  throw new Error(`crypto: engine ${name} is gone; it was there when the process started (${loaded ?? 'unknown'})`);
}

/** The engine if it is there and right; otherwise the reason, with a warning when it is wrong. */
function tested(engine: ModularEngine | string): ModularEngine | string {
  // The reference is what the others are compared with.
  if (typeof engine === 'string' || engine === bigIntEngine) return engine;
  const failure = failsSelfTest(engine);
  if (failure === undefined) return engine;
  warnOfFailure(engine.name, failure);
  return failure;
}

function loadNative(path: NativePath): ModularEngine | string {
  return loadNativeEngine({ path }) ?? nativeEngineProblem({ path }) ?? 'not available here';
}

function loadWasm(name: 'wasm-relaxed' | 'wasm', otherwise: string): ModularEngine | string {
  const engine = loadWasmEngine({ relaxed: name === 'wasm-relaxed' });
  return engine?.name === name ? engine : otherwise;
}

function selected(loaded: ModularEngine, forced: boolean, passedOver: EngineDescription['passedOver']): Selection {
  const engine = besideOpenSsl(loaded);
  const { name, lanes, constantTime } = engine;
  return { engine, description: { name, lanes, constantTime, forced, passedOver } };
}

/** Native engines need no help; relaxed SIMD beats OpenSSL in full batches only, plain SIMD and BigInt hardly ever. */
function besideOpenSsl(engine: ModularEngine): ModularEngine {
  if (engine.name.startsWith('native')) return engine;
  return withOpenSsl(engine, engine.name === 'wasm-relaxed');
}

function candidates(
  forced: string | undefined,
  loaders: ReadonlyMap<EngineName, EngineLoader>,
): [EngineName, EngineLoader][] {
  const chosen = [...loaders].filter(([name]) => forced === undefined || name === forced);
  if (chosen.length > 0) return chosen;
  const names = [...loaders.keys()].join(', ');
  throw new EngineError(`${ENGINE_VARIABLE}: expected one of ${names}, got ${JSON.stringify(forced)}`);
}

function warnOfFailure(name: EngineName, reason: string): void {
  process.emitWarning(`crypto: engine ${name} is not used: ${reason}`, {
    type: 'SealedColoniesWarning',
    code: 'SEALED_COLONIES_ENGINE',
    detail: 'Its results differ from the reference. Rebuild it, and report this with your processor and Node version.',
  });
}
