import { bigIntEngine } from './bigint-engine.ts';
import type { EngineName, ModularEngine } from './engine.ts';
import { withOpenSsl } from './openssl.ts';
import { failsSelfTest } from './self-test.ts';

/** The environment variable that forces an engine. */
export const ENGINE_VARIABLE = 'SEALED_COLONIES_ENGINE';

const UNAVAILABLE = 'not available here';

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

/** Gives an engine when this machine and installation have it. */
export type EngineLoader = () => ModularEngine | undefined;

/** All engines, fastest first. */
const LOADERS: ReadonlyMap<EngineName, EngineLoader> = new Map<EngineName, EngineLoader>([
  ['bigint', () => bigIntEngine],
]);

/**
 * Chooses the fastest engine that is there and passes its self-test. One that fails is never used: a warning is emitted
 * on the process and the next one is tried.
 *
 * @param forced the only engine to consider. @default the environment variable's, if set
 * @throws RangeError when the forced engine is unknown; Error when it is not there or fails
 */
export function selectEngine(
  forced: string | undefined = process.env[ENGINE_VARIABLE] || undefined,
  loaders: ReadonlyMap<EngineName, EngineLoader> = LOADERS,
): Selection {
  const candidates = forced === undefined ? [...loaders.keys()] : [knownName(forced, loaders)];
  const passedOver: { name: EngineName; reason: string }[] = [];
  for (const name of candidates) {
    const candidate = tryEngine(loaders.get(name));
    if (typeof candidate !== 'string') return selected(candidate, forced !== undefined, passedOver);
    passedOver.push({ name, reason: candidate });
    if (candidate !== UNAVAILABLE) warnOfFailure(name, candidate);
  }
  const reasons = passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  throw new Error(`crypto: expected an engine, got none (${reasons}); unset ${ENGINE_VARIABLE} to use another one`);
}

/** All engines that this machine and installation have, fastest first, tested or not. */
export function availableEngines(): ModularEngine[] {
  return [...LOADERS.values()].flatMap((load) => load() ?? []);
}

/** Opens the engine that {@link selectEngine} chose, in another thread of the same process. */
export function openEngine(name: EngineName): ModularEngine {
  const engine = LOADERS.get(name)?.();
  if (!engine) throw new Error(`crypto: engine ${name} is gone; it was there when the process started`);
  return besideOpenSsl(engine);
}

/** An engine that may be used, or the reason why there is none. The reference is what the others are compared with. */
function tryEngine(load: EngineLoader | undefined): ModularEngine | string {
  const engine = load?.();
  if (!engine) return UNAVAILABLE;
  return (engine === bigIntEngine ? undefined : failsSelfTest(engine)) ?? engine;
}

function selected(engine: ModularEngine, forced: boolean, passedOver: EngineDescription['passedOver']): Selection {
  const { name, lanes, constantTime } = engine;
  return { engine: besideOpenSsl(engine), description: { name, lanes, constantTime, forced, passedOver } };
}

/** Native engines beat OpenSSL even with one lane in use; relaxed SIMD beats it in full batches only; the others never. */
function besideOpenSsl(engine: ModularEngine): ModularEngine {
  if (engine.name.startsWith('native')) return engine;
  return withOpenSsl(engine, engine.name === 'wasm-relaxed');
}

function knownName(name: string, loaders: ReadonlyMap<EngineName, EngineLoader>): EngineName {
  const known = [...loaders.keys()].find((candidate) => candidate === name);
  if (known) return known;
  throw new RangeError(
    `${ENGINE_VARIABLE}: expected one of ${[...loaders.keys()].join(', ')}, got ${JSON.stringify(name)}`,
  );
}

function warnOfFailure(name: EngineName, reason: string): void {
  process.emitWarning(`crypto: engine ${name} is not used: ${reason}`, {
    type: 'SealedColoniesWarning',
    code: 'SEALED_COLONIES_ENGINE',
    detail: 'Its results differ from the reference. Rebuild it, and report this with your processor and Node version.',
  });
}
