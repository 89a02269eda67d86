import type { FactoredRing, FixedBaseTable, ModularEngine, SquareRing } from '../modular/engine.ts';
import { Recent } from './recent.ts';
import type { SharedTable } from './tasks.ts';

const RINGS_KEPT = 8;
const TABLES_KEPT = 8;

/** The rings and tables that one thread has open: the most recently used few, so that a daemon serving many keys stays small. */
export class OpenRings {
  readonly engine: ModularEngine;
  readonly #squares = new Recent<bigint, SquareRing>(RINGS_KEPT, (ring) => ring.close());
  readonly #factored = new Recent<bigint, FactoredRing>(RINGS_KEPT, (ring) => ring.close());
  readonly #tables = new Recent<number, FixedBaseTable>(TABLES_KEPT);

  constructor(engine: ModularEngine) {
    this.engine = engine;
  }

  /** Arithmetic modulo n². */
  square(n: bigint): SquareRing {
    return this.#squares.get(n, () => this.engine.openRing(n));
  }

  /** The private-key operations of p·q. */
  factored(p: bigint, q: bigint): FactoredRing {
    return this.#factored.get(p * q, () => this.engine.openFactoredRing(p, q));
  }

  /** The one object by which this thread knows a shared table: engines keep what they decode of a table beside it. */
  table(table: SharedTable): FixedBaseTable {
    return this.#tables.get(table.id, () => table);
  }

  /** Lets go of a table that its owner dropped. */
  forgetTable(id: number): void {
    this.#tables.drop(id);
  }

  /** Closes every ring. */
  close(): void {
    this.#squares.clear();
    this.#factored.clear();
    this.#tables.clear();
  }
}
