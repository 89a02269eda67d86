/** Keeps the most recently used values, so that what grows with the number of keys seen stays bounded. */
export class Recent<Key, Value> {
  readonly #capacity: number;
  readonly #leave: (value: Value) => void;
  readonly #values = new Map<Key, Value>();

  /** @param leave called with every value that is dropped */
  constructor(capacity: number, leave: (value: Value) => void = () => undefined) {
    this.#capacity = capacity;
    this.#leave = leave;
  }

  /** The value of `key`, created if it is not there; the least recently used one makes room. */
  get(key: Key, create: () => Value): Value {
    const value = this.#values.get(key) ?? create();
    this.#values.delete(key);
    this.#values.set(key, value);
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#capacity && oldest !== undefined) this.drop(oldest);
    return value;
  }

  /** Drops one value. */
  drop(key: Key): void {
    const value = this.#values.get(key);
    this.#values.delete(key);
    if (value !== undefined) this.#leave(value);
  }

  /** Drops all values. */
  clear(): void {
    for (const key of this.#values.keys()) this.drop(key);
  }
}
