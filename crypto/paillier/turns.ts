/** Work that waits for its turn. */
interface Waiting {
  readonly micros: number;
  readonly begin: () => void;
}

/**
 * Shares the calling thread with everybody else: at most so much work runs between two turns of the event loop, however
 * many callers come at once. Work that is longer than the limit has a turn to itself.
 */
export class Turns {
  readonly #limitMicros: number;
  readonly #waiting: Waiting[] = [];
  #spentMicros = 0;

  /** @param limitMicros microseconds of work in one turn */
  constructor(limitMicros: number) {
    this.#limitMicros = limitMicros;
  }

  /** Resolves when work of `micros` microseconds may run, in the order of the calls. */
  take(micros: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ micros, begin: resolve });
      this.#grant();
    });
  }

  #grant(): void {
    const wasIdle = this.#spentMicros === 0;
    for (let next = this.#next(); next; next = this.#next()) {
      this.#waiting.shift();
      this.#spentMicros += Math.max(1, next.micros);
      next.begin();
    }
    if (!wasIdle || this.#spentMicros === 0) return;
    setImmediate(() => {
      this.#spentMicros = 0;
      this.#grant();
    });
  }

  /** The first in the queue, if this turn has room for it. */
  #next(): Waiting | undefined {
    const [first] = this.#waiting;
    const fits = first && (this.#spentMicros === 0 || this.#spentMicros + first.micros <= this.#limitMicros);
    return fits ? first : undefined;
  }
}
