import type { Generator } from '../../colony/messages/generators.ts';
import type { Database } from './database.ts';
import { fitting, toDate } from './values.ts';

/** One row of `generators`. */
export interface GeneratorRow {
  readonly generator_id: string;
  readonly colony_name: string;
  readonly name: string;
  readonly initiator_id: string;
  readonly initiator_name: string;
  readonly workflow_spec: string;
  /** How many nodes of the workflow depend on none: each gets a copy of a batch. */
  readonly root_count: number;
  readonly batch_size: number;
  /** 0 or less: only full batches are submitted. */
  readonly timeout_seconds: number;
  readonly first_pack_ms: number | null;
  readonly last_ms: number | null;
  readonly queue_count: number;
  /** As JSON. */
  readonly queue_bytes: number;
}

/** The generator with that id. */
export function findGenerator(database: Database, generatorId: string): GeneratorRow | undefined {
  return database.get<GeneratorRow>('SELECT * FROM generators WHERE generator_id = ?', generatorId);
}

/** The generator of that name. */
export function findGeneratorByName(database: Database, colonyName: string, name: string): GeneratorRow | undefined {
  return database.get<GeneratorRow>('SELECT * FROM generators WHERE colony_name = ? AND name = ?', colonyName, name);
}

/** How many generators a colony has. */
export function countGenerators(database: Database, colonyName: string): number {
  const found = database.get<{ count: number }>(
    'SELECT count(*) AS count FROM generators WHERE colony_name = ?',
    colonyName,
  );
  return found?.count ?? 0;
}

/** Generators of a colony in the order in which they were added, as far as they fit into one answer. */
export function listGenerators(database: Database, colonyName: string, count: number): GeneratorRow[] {
  const found = database.all<{ generator_id: string; bytes: number }>(
    `SELECT generator_id, octet_length(workflow_spec) + 1000 AS bytes FROM generators
     WHERE colony_name = ? ORDER BY sequence LIMIT ?`,
    colonyName,
    count,
  );
  return fitting(found, ({ bytes }) => bytes)
    .map(({ generator_id: generatorId }) => findGenerator(database, generatorId))
    .filter((row) => row !== undefined);
}

/** Stores a generator with an empty queue. */
export function insertGenerator(
  database: Database,
  added: Omit<GeneratorRow, 'first_pack_ms' | 'last_ms' | 'queue_count' | 'queue_bytes'>,
): void {
  database.run(
    `INSERT INTO generators (generator_id, colony_name, name, initiator_id, initiator_name, workflow_spec, root_count,
       batch_size, timeout_seconds)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    added.generator_id,
    added.colony_name,
    added.name,
    added.initiator_id,
    added.initiator_name,
    added.workflow_spec,
    added.root_count,
    added.batch_size,
    added.timeout_seconds,
  );
}

/** Removes a generator and its queue; what it has submitted stays. */
export function deleteGenerator(database: Database, generatorId: string): void {
  database.run('DELETE FROM generators WHERE generator_id = ?', generatorId);
}

/** Appends a text to a generator's queue. */
export function insertArg(database: Database, generatorId: string, arg: string, bytes: number, nowMs: number): void {
  database.run('INSERT INTO generator_args (generator_id, arg) VALUES (?, ?)', generatorId, arg);
  database.run(
    `UPDATE generators SET queue_count = queue_count + 1, queue_bytes = queue_bytes + ?,
       first_pack_ms = coalesce(first_pack_ms, ?) WHERE generator_id = ?`,
    bytes,
    nowMs,
    generatorId,
  );
}

/**
 * Takes the oldest texts out of a generator's queue, and stores that it has run.
 *
 * @param bytesOf what a text counts for in the queue
 */
export function takeArgs(
  database: Database,
  generatorId: string,
  count: number,
  nowMs: number,
  bytesOf: (arg: string) => number,
): readonly string[] {
  const taken = database.all<{ sequence: number; arg: string }>(
    'SELECT sequence, arg FROM generator_args WHERE generator_id = ? ORDER BY sequence LIMIT ?',
    generatorId,
    count,
  );
  database.run(
    'DELETE FROM generator_args WHERE generator_id = ? AND sequence <= ?',
    generatorId,
    taken.at(-1)?.sequence ?? 0,
  );
  database.run(
    'UPDATE generators SET queue_count = queue_count - ?, queue_bytes = queue_bytes - ?, last_ms = ? WHERE generator_id = ?',
    taken.length,
    taken.reduce((sum, { arg }) => sum + bytesOf(arg), 0),
    nowMs,
    generatorId,
  );
  return taken.map(({ arg }) => arg);
}

/**
 * The generators that have a full batch, or a part of one and have not run for their timeout; also those that ran last
 * at a moment that has not come yet, since the clock was set back.
 */
export function dueGeneratorIds(database: Database, nowMs: number): string[] {
  return database
    .all<{ generator_id: string }>(
      `SELECT generator_id FROM generators WHERE queue_count > 0 AND (queue_count >= batch_size OR (timeout_seconds > 0
         AND (coalesce(last_ms, first_pack_ms) + timeout_seconds * 1000 < ?1 OR coalesce(last_ms, first_pack_ms) > ?1)))
       ORDER BY sequence`,
      nowMs,
    )
    .map(({ generator_id: generatorId }) => generatorId);
}

/** A generator as clients see it. */
export function toGenerator(row: GeneratorRow, checkerPeriodMs = 0): Generator {
  return {
    generatorId: row.generator_id,
    initiatorId: row.initiator_id,
    initiatorName: row.initiator_name,
    colonyName: row.colony_name,
    name: row.name,
    workflowSpec: row.workflow_spec,
    trigger: row.batch_size,
    timeoutSeconds: row.timeout_seconds,
    firstPack: toDate(row.first_pack_ms),
    lastRun: toDate(row.last_ms),
    queueSize: row.queue_count,
    checkerPeriodMs,
  };
}
