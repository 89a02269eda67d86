import type { PublicKey } from 'paillier-bigint';
import { bytesToBigInt, elementAt } from '../modular/bytes.ts';
import { compute, sharedBytes } from './compute.ts';
import { maskingOf, publicState } from './state.ts';
import type { MaskingChoice, PublicState } from './state.ts';

/** Options of {@link keepObfuscators}. */
export interface ObfuscatorOptions {
  /** Masks kept ready, |n²| bits each. @default 1024 */
  readonly capacity?: number;
  /** Where their randomness comes from. @default by what is known of the key */
  readonly masking?: MaskingChoice;
}

/** A mask o = o₀ + o₁·n. */
type Obfuscator = readonly [low: bigint, high: bigint];

const FILL_BATCH = 64;
/** Masks kept as numbers instead of bytes: they cannot be wiped, so few. */
const READY = 32;

const pools = new Map<string, ObfuscatorPool>();

/**
 * Encryptions of 0 computed ahead, while the worker threads have nothing else to do: encrypting with one takes two
 * products (Paillier, EUROCRYPT '99, §6). Each is used once and then wiped; they exist in memory only.
 */
export class ObfuscatorPool {
  readonly masking: MaskingChoice;
  readonly #state: PublicState;
  readonly #capacity: number;
  readonly #bytes: Uint8Array;
  readonly #ready: Obfuscator[] = [];
  readonly #closing = new AbortController();
  #stored = 0;
  #filling: Promise<void> | undefined;
  #preparing = false;

  /** Use {@link keepObfuscators}. */
  constructor(state: PublicState, capacity: number, masking: MaskingChoice) {
    this.#state = state;
    this.#capacity = capacity;
    this.masking = masking;
    this.#bytes = new Uint8Array(capacity * state.elementBytes);
  }

  /** Masks ready for use. */
  get available(): number {
    return this.#stored + this.#ready.length;
  }

  /** Computes masks in the background until the pool is full. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /**
   * Encrypts at once: c = o₀ + n·((o₁ + m·o₀) mod n).
   *
   * @param plaintext an integer with |plaintext| < ⌊n/2⌋, which the caller has checked
   * @returns `undefined` when no mask is ready
   */
  encrypt(plaintext: bigint): bigint | undefined {
    const obfuscator = this.#take();
    if (!obfuscator) return undefined;
    const { n } = this.#state;
    const [low, high] = obfuscator;
    const residue = (high + plaintext * low) % n;
    return low + n * (residue < 0n ? residue + n : residue);
  }

  /** One mask as a number modulo n², to multiply a ciphertext by; `undefined` when none is ready. */
  mask(): bigint | undefined {
    const obfuscator = this.#take();
    return obfuscator && obfuscator[0] + this.#state.n * obfuscator[1];
  }

  /** Wipes the masks; the pool cannot be used again. */
  close(): void {
    this.#closing.abort(new Error('obfuscators: the pool was closed'));
    this.#bytes.fill(0);
    this.#ready.length = 0;
    this.#stored = 0;
    if (pools.get(this.#state.keyId) === this) pools.delete(this.#state.keyId);
  }

  #take(): Obfuscator | undefined {
    const obfuscator = this.#ready.pop() ?? this.#read();
    if (this.available < this.#capacity / 2) this.fill().catch(() => undefined);
    if (this.#ready.length < READY / 2) this.#prepareSoon();
    return obfuscator;
  }

  /** Takes the last stored mask out and wipes its bytes. */
  #read(): Obfuscator | undefined {
    if (this.#stored === 0) return undefined;
    this.#stored -= 1;
    const bytes = elementAt(this.#bytes, this.#stored, this.#state.elementBytes);
    const value = bytesToBigInt(bytes);
    bytes.fill(0);
    const high = value / this.#state.n;
    return [value - high * this.#state.n, high];
  }

  #prepareSoon(): void {
    if (this.#preparing || this.#stored === 0) return;
    this.#preparing = true;
    setImmediate(() => {
      this.#preparing = false;
      while (this.#ready.length < READY) {
        const obfuscator = this.#read();
        if (!obfuscator) return;
        this.#ready.push(obfuscator);
      }
    }).unref();
  }

  async #fill(): Promise<void> {
    const { signal } = this.#closing;
    const { n, elementBytes } = this.#state;
    while (this.available < this.#capacity) {
      const count = Math.min(FILL_BATCH, this.#capacity - this.available);
      const masking = await maskingOf(this.#state, this.masking, count);
      const out = sharedBytes(count * elementBytes);
      const task = { key: { n }, operation: { kind: 'mask', masking }, count, inputs: [], out } as const;
      try {
        await compute(task, { signal, priority: 'background' });
        signal.throwIfAborted();
        this.#bytes.set(out, this.#stored * elementBytes);
        this.#stored += count;
      } finally {
        out.fill(0);
      }
    }
    this.#prepareSoon();
  }
}

/**
 * Keeps masks ready for a key, so that single values encrypt and re-randomise in microseconds: `encrypt` and `rerandomize`
 * take them while there are any. For daemons that serve one key for long; close the pool when the key is no longer used.
 *
 * @returns the key's pool, which fills in the background
 * @throws RangeError when the capacity is no positive integer or the key is invalid
 */
export function keepObfuscators(publicKey: PublicKey, options: ObfuscatorOptions = {}): ObfuscatorPool {
  const { capacity = 1024 } = options;
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity: expected a positive integer, got ${capacity}`);
  }
  const state = publicState(publicKey);
  pools.get(state.keyId)?.close();
  const pool = new ObfuscatorPool(state, capacity, options.masking ?? state.defaultMasking);
  pools.set(state.keyId, pool);
  pool.fill().catch(() => undefined);
  return pool;
}

/** The pool of a key with this masking, if there is one. */
export function obfuscatorsOf(state: PublicState, masking: MaskingChoice): ObfuscatorPool | undefined {
  const pool = pools.get(state.keyId);
  return pool?.masking === masking ? pool : undefined;
}

/** Wipes and closes all pools. */
export function closeObfuscators(): void {
  for (const pool of pools.values()) pool.close();
}
