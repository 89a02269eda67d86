import { partiesOf, type RunParameters } from '../parameters.ts';
import { type Training, trainingDigest } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import type { Desk } from './desk.ts';

/** Ids of the parties of runs: looked up when a run begins, so that nobody takes another's place later. */
const idsOfRuns = new WeakMap<Desk, Map<string, string>>();
const MOST_IDS = 1024;

/** The Colonies ids of all parties of a run, by party. @throws as `Peers.idOf` */
export async function lookUpIds(
  { name, identity, peers }: Desk,
  parameters: RunParameters,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const party of partiesOf(parameters)) {
    ids[party] = party === name ? identity.id : await peers.idOf(party, signal);
  }
  return ids;
}

/** The id that a party of a run signs with. @throws TerminalError as `Peers.idOf` */
export async function idOf({ desk, training }: OpenRun, party: string, signal: AbortSignal): Promise<string> {
  if (party === desk.name) return desk.identity.id;
  const known = idsOfRuns.get(desk)?.get(placeOf(training, party));
  if (known !== undefined) return known;
  const id = await desk.peers.idOf(party, signal);
  rememberIds({ desk, training }, { [party]: id });
  return id;
}

/**
 * Goes by these ids for a run from now on.
 *
 * @throws TerminalError `NOT_ACCEPTED` when the operator has listed another one since
 */
export function rememberIds({ desk, training }: OpenRun, idsByParty: Readonly<Record<string, string>>): void {
  const ids = idsOfRuns.get(desk) ?? new Map<string, string>();
  idsOfRuns.set(desk, ids);
  for (const [party, id] of Object.entries(idsByParty)) {
    desk.peers.requireId(party, id);
    ids.set(placeOf(training, party), id);
    const [oldest] = ids.keys();
    if (ids.size > MOST_IDS && oldest !== undefined) ids.delete(oldest);
  }
}

function placeOf(training: Training, party: string): string {
  return `${trainingDigest(training)} ${party}`;
}
