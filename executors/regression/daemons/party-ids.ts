import { partiesOf, type RunParameters } from '../parameters.ts';
import type { Desk } from './desk.ts';

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
