import type { FactoredRing, FixedBaseTable, ModularEngine, SquareRing } from '../modular/engine.ts';
import type { SharedTable } from './tasks.ts';

const RINGS_KEPT = 8;
const TABLES_KEPT = 8;

/** The rings and tables that one thread has open: the most recently used few, so that a daemon serving many keys stays small. */
export class OpenRings {
  readonly engine: ModularEngine;
  readonly #squares = new Map<bigint, SquareRing>();
  readonly #factored = new Map<bigint, FactoredRing>();
  readonly #tables = new Map<number, FixedBaseTable>();

  constructor(engine: ModularEngine) {
    this.engine = engine;
  }

  /** Arithmetic modulo n². */
  square(n: bigint): SquareRing {
    return remember(this.#squares, n, () => this.engine.openRing(n));
  }

  /** The private-key operations of p·q. */
  factored(p: bigint, q: bigint): FactoredRing {
    return remember(this.#factored, p * q, () => this.engine.openFactoredRing(p, q));
  }

  /** The one object by which this thread knows a shared table: engines keep what they decode of a table beside it. */
  table(table: SharedTable): FixedBaseTable {
    const known = this.#tables.get(table.id) ?? table;
    this.#tables.delete(table.id);
    this.#tables.set(table.id, known);
    const [oldest] = this.#tables.keys();
    if (this.#tables.size > TABLES_KEPT && oldest !== undefined) this.#tables.delete(oldest);
    return known;
  }

  /** Lets go of a table that its owner dropped. */
  forgetTable(id: number): void {
    this.#tables.delete(id);
  }

  /** Closes every ring. */
  close(): void {
    for (const ring of [...this.#squares.values(), ...this.#factored.values()]) ring.close();
    this.#squares.clear();
    this.#factored.clear();
    this.#tables.clear();
  }
}

function remember<Ring extends { close(): void }>(rings: Map<bigint, Ring>, key: bigint, open: () => Ring): Ring {
  const ring = rings.get(key) ?? open();
  rings.delete(key);
  rings.set(key, ring);
  const [oldest] = rings.keys();
  if (rings.size > RINGS_KEPT && oldest !== undefined) {
    rings.get(oldest)?.close();
    rings.delete(oldest);
  }
  return ring;
}
