import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openingBudget } from '../guards.ts';
import { hasLoss, parametersDigest } from '../parameters.ts';
import type { OpenRun } from './additive-keys.ts';
import type { Desk } from './desk.ts';

/**
 * The file in a party's directory that tells its operator what its rows were used for: a JSON object on each line, in the
 * order of time. No run can have this name.
 */
export const AUDIT_FILE = '_runs.jsonl';

/** What happened to a run. */
type AuditEvent = 'begun' | 'ended';

/**
 * Writes down that a run has begun or ended with this party's rows: who took part, how, and how much may be opened. A crash
 * may write the same twice, and never leaves it out.
 *
 * @param tableDigest tells runs on the same rows
 */
export async function recordRun(
  { desk, training }: OpenRun,
  event: AuditEvent,
  tableDigest: string,
  more: Readonly<Record<string, number>> = {},
): Promise<void> {
  const { parameters, aggregator, holdoutEvery } = training;
  const { run, label, features, model, mode, guards, rows, iterations, retries, keyBits, predictionRows } = parameters;
  const isFeature = features.some(({ name }) => name === desk.name);
  await appendAudit(desk, {
    event,
    run,
    parties: { label, features: features.map(({ name }) => name), aggregator },
    model,
    mode,
    guards,
    keyBits,
    rows,
    holdoutEvery,
    iterations,
    retries,
    loss: hasLoss(parameters),
    predictionRows,
    ...(isFeature ? { openingsPerRow: openingBudget(parameters, desk.name) } : {}),
    ...more,
    parameters: parametersDigest(parameters),
    table: tableDigest,
  });
}

/** Adds an entry with the time to a party's list. */
export async function appendAudit(desk: Pick<Desk, 'root'>, entry: Readonly<Record<string, unknown>>): Promise<void> {
  const line = JSON.stringify({ time: new Date().toISOString(), ...entry });
  await mkdir(desk.root, { recursive: true, mode: 0o700 });
  await appendFile(join(desk.root, AUDIT_FILE), `${line}\n`, { mode: 0o600, flush: true });
}
