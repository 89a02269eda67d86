import type { PublicKey } from 'paillier-bigint';
import { readKey } from '../agreement.ts';
import { parametersDigest } from '../parameters.ts';
import type { Training } from '../training.ts';
import { type Desk, keyMakerOf } from './desk.ts';
import { idOf } from './party-ids.ts';

const MOST_KEYS = 64;

/**
 * The public keys of the runs that a daemon works on. Checking a key, and the tables of powers that speed its use up, take
 * longer than a small round, and belong to the key object: so the same text gives the same object.
 */
export class KnownKeys {
  readonly #keys = new Map<string, PublicKey>();

  /**
   * Reads a run's key.
   *
   * @param text as it was signed by the maker
   * @param maker whose key it is. @default the maker of the run's common key
   * @throws TerminalError as `readKey`
   */
  async read(
    desk: Desk,
    training: Training,
    text: string,
    signal: AbortSignal,
    maker = keyMakerOf(training),
  ): Promise<PublicKey> {
    const place = [parametersDigest(training.parameters), maker, text].join(' ');
    const known = this.#keys.get(place);
    if (known !== undefined) return known;
    const id = await idOf({ desk, training }, maker, signal);
    const publicKey = await readKey(training.parameters, maker, text, id);
    const meanwhile = this.#keys.get(place);
    if (meanwhile !== undefined) return meanwhile;
    this.#keys.set(place, publicKey);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MOST_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    return publicKey;
  }
}
