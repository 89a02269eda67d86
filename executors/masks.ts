import type { PublicKey } from 'paillier-bigint';
import { keepObfuscators, keyId, type ObfuscatorPool } from '../crypto/paillier/index.ts';

const MOST_KEYS = 4;
const MASKS_PER_KEY = 64;

/**
 * Masks that a daemon computes ahead while it is idle, for the keys it serves again and again: single numbers then
 * encrypt and re-randomise at once. Bounded, because whoever submits a workflow chooses its key: a key gets masks at its
 * second process, and the key not served for longest gives way.
 */
export class MaskKeeper {
  readonly #pools = new Map<string, ObfuscatorPool | undefined>();

  /** Notes that a process under this key is served. */
  serve(publicKey: PublicKey): void {
    const key = keyId(publicKey);
    const isKnown = this.#pools.has(key);
    const pool =
      this.#pools.get(key) ?? (isKnown ? keepObfuscators(publicKey, { capacity: MASKS_PER_KEY }) : undefined);
    this.#pools.delete(key);
    this.#pools.set(key, pool);
    if (this.#pools.size > MOST_KEYS) this.#forgetOldest();
  }

  /** How many masks are ready under this key. */
  ready(publicKey: PublicKey): number {
    return this.#pools.get(keyId(publicKey))?.available ?? 0;
  }

  #forgetOldest(): void {
    const [oldest] = this.#pools;
    if (oldest === undefined) return;
    const [key, pool] = oldest;
    pool?.close();
    this.#pools.delete(key);
  }
}
