import type { EngineName } from '../modular/engine.ts';
import { compute, forgetTable, localRings, sharedBytes } from './compute.ts';
import type { Masking, SharedTable, TaskKey } from './tasks.ts';

/** How tables of powers are kept. */
export interface TableSettings {
  /** Bytes of all tables together. @default 256 MiB */
  readonly budgetBytes?: number;
  /**
   * Read tables such that memory accesses do not depend on the randomness: about half the speed, against attackers who
   * share the processor's caches. @default false
   */
  readonly constantTime?: boolean;
}

/** A table and the uses that decide whether a larger one pays. */
interface Entry {
  uses: number;
  table: SharedTable | undefined;
  building: Promise<void> | undefined;
}

/** Window lengths with the number of uses from which building such a table pays; the first that fits is taken. */
const WINDOWS = [
  { windowBits: 11, fromUses: 131_072 },
  { windowBits: 10, fromUses: 8192 },
  { windowBits: 9, fromUses: 8192 },
  { windowBits: 8, fromUses: 64 },
  { windowBits: 5, fromUses: 8 },
] as const;
const CONSTANT_TIME_WINDOW_BITS = 5;
/** An owner's encryption is short: longer tables than for so many uses would take more memory than they save time. */
const OWNER_USES = 8192;
/** Keys whose uses are counted, so that a daemon that meets new keys all the time stays small. */
const ENTRIES_KEPT = 256;

let settings: Required<TableSettings> = { budgetBytes: 2 ** 28, constantTime: false };
let lastId = 0;
const entries = new Map<string, Entry>();

/** Changes how tables are kept; drops those that exist. @throws RangeError for a negative budget */
export function configureTables(changes: TableSettings): void {
  if (changes.budgetBytes !== undefined && !(changes.budgetBytes >= 0)) {
    throw new RangeError(`budgetBytes: expected a number of bytes, got ${changes.budgetBytes}`);
  }
  settings = { ...settings, ...changes };
  dropTables();
}

/** Drops all tables, in all threads. */
export function dropTables(): void {
  for (const key of entries.keys()) drop(key);
}

/** What a table is built from. */
export interface TableSource {
  /** Names the table: same name, same contents. */
  readonly name: string;
  readonly key: TaskKey;
  readonly base: Uint8Array;
  readonly exponentBits: number;
}

/**
 * The masking of a batch of `count`, with a table when one is there or pays for this batch alone. Tables are built in a
 * worker while encryption goes on without.
 *
 * @param expected how many will be asked for in all, as far as is known: saves the shorter tables on the way
 */
export async function withTable(source: TableSource, count: number, expected: number): Promise<Masking> {
  const { base, exponentBits } = source;
  const entry = use(source.name, count);
  const windowBits = wantedWindowBits(source, Math.max(entry.uses, expected));
  if (windowBits > (entry.table?.windowBits ?? 0)) {
    const building = startBuilding(source, entry, windowBits);
    // Without any table the batch would take longer than building one.
    if (!entry.table && wantedWindowBits(source, count) > 0) await building;
  }
  return { kind: 'fixed-base', base, exponentBits, ...(entry.table && { table: entry.table }) };
}

/** The tables of a key's owner, built on first use. */
export async function ownerTable(source: TableSource, count: number): Promise<SharedTable> {
  const entry = use(source.name, count);
  const uses = Math.min(entry.uses, OWNER_USES);
  const windowBits = Math.max(wantedWindowBits(source, uses), CONSTANT_TIME_WINDOW_BITS);
  if (windowBits > (entry.table?.windowBits ?? 0)) {
    const building = startBuilding(source, entry, windowBits);
    if (!entry.table) await building;
  }
  if (!entry.table) throw new Error('ownerTable: expected a table to have been built');
  return entry.table;
}

function use(name: string, count: number): Entry {
  const entry = entries.get(name) ?? { uses: 0, table: undefined, building: undefined };
  entries.delete(name);
  entries.set(name, entry);
  entry.uses += count;
  const [oldest] = entries.keys();
  if (entries.size > ENTRIES_KEPT && oldest !== undefined) drop(oldest);
  return entry;
}

/** The longest window that so many uses pay for and that fits half the budget; 0 for none. */
function wantedWindowBits(source: TableSource, uses: number): number {
  const longest = longestWindow(localRings().engine.name);
  const fitting = WINDOWS.filter(
    ({ windowBits }) => windowBits <= longest && tableBytes(source, windowBits) <= settings.budgetBytes / 2,
  );
  const best = fitting.find(({ fromUses }) => uses >= fromUses);
  if (!best) return 0;
  return settings.constantTime ? CONSTANT_TIME_WINDOW_BITS : best.windowBits;
}

/** With BigInt every thread decodes what it reads of a table: a long one would be kept twice. */
function longestWindow(engine: EngineName): number {
  if (engine === 'bigint') return 8;
  return engine.startsWith('native') ? 11 : 10;
}

function tableBytes({ key, exponentBits }: TableSource, windowBits: number): number {
  const rings = localRings();
  if ('n' in key) return rings.square(key.n).tableBytes(exponentBits, windowBits);
  return rings.factored(key.p, key.q).ownerTableBytes(exponentBits, windowBits);
}

function startBuilding(source: TableSource, entry: Entry, windowBits: number): Promise<void> {
  if (entry.building) return entry.building;
  const building = build(source, entry, windowBits);
  // Whoever waits sees the error; nobody has to wait for a table that only saves time.
  building.catch(() => undefined);
  entry.building = building;
  return building;
}

async function build(source: TableSource, entry: Entry, windowBits: number): Promise<void> {
  const { key, base, exponentBits } = source;
  const { constantTime } = settings;
  const bytes = sharedBytes(tableBytes(source, windowBits));
  const kind = 'n' in key ? 'buildTable' : 'buildOwnerTables';
  try {
    await compute({ key, operation: { kind, exponentBits, windowBits }, count: 1, inputs: [base], out: bytes });
  } finally {
    entry.building = undefined;
  }
  const outdated = entry.table;
  lastId += 1;
  entry.table = { id: lastId, bytes, exponentBits, windowBits, constantTime };
  if (outdated) forgetTable(outdated.id);
  keepWithinBudget();
}

function keepWithinBudget(): void {
  let total = 0;
  for (const [name, { table }] of [...entries].toReversed()) {
    total += table?.bytes.length ?? 0;
    if (total > settings.budgetBytes) drop(name);
  }
}

function drop(name: string): void {
  const table = entries.get(name)?.table;
  entries.delete(name);
  // Not wiped: a thread may still be reading it. The garbage collector takes it when none does.
  if (table) forgetTable(table.id);
}
