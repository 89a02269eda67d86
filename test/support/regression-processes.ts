import { join } from 'node:path';
import { type Desk, type RunningProgram, until } from './processes.ts';

/** The parties of the seed's regression. */
export type Party = 'x1' | 'x2' | 'y' | 'aggregator';

/**
 * Starts a party's daemon as a process of its own, and waits until it takes work. Its rows are in `<party>.csv` of the
 * desk's directory.
 *
 * @param more options of feature parties
 */
export async function startParty(desk: Desk, party: Party, more: readonly string[] = []): Promise<RunningProgram> {
  const source = ['--source', join(desk.directory, `${party}.csv`), '--demonstration'];
  const words = {
    x1: ['regression-feature', 'x1', ...source, ...more],
    x2: ['regression-feature', 'x2', ...source, ...more],
    y: ['regression-label', 'y', ...source],
    aggregator: ['regression-aggregator'],
  }[party];
  const daemon = desk.start(['executor', 'start', ...words]);
  await until(
    () => daemon.stdout().includes('Ctrl-C') || daemon.stderr().includes('Ctrl-C'),
    () => daemon.stderr(),
  );
  return daemon;
}
