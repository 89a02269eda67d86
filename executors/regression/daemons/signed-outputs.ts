import { openSigned, signText } from '../agreement.ts';
import { trainingDigest } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import type { Desk } from './desk.ts';

/**
 * What feature parties sign beside keys and halves: all that others open. Whoever may submit processes could else hand any
 * ciphertext of a run to those who open, under the name of a gradient or a prediction.
 */

/** A feature party's output with its signature. */
export function signedOutput({ identity }: Desk, text: string): string {
  return signText(text, identity);
}

/** Ids of the parties of runs: looked up once by each daemon, so that nobody takes another's place later. */
const idsOfRuns = new WeakMap<Desk, Map<string, string>>();
const MOST_IDS = 1024;

/**
 * The outputs that the feature parties of a run signed, in their order.
 *
 * @param inputs one from each feature party
 * @throws TerminalError `BAD_SIGNATURE` when somebody else made one, `BAD_MESSAGE`, or as `Peers.idOf`
 */
export async function openOutputs(run: OpenRun, inputs: readonly string[], signal: AbortSignal): Promise<string[]> {
  const outputs: string[] = [];
  for (const [index, { name }] of run.training.parameters.features.entries()) {
    outputs.push(openSigned(inputs[index] ?? '', await idOf(run, name, signal), `output of ${name}`));
  }
  return outputs;
}

/** The id that a party of a run signs with. @throws TerminalError as `Peers.idOf` */
export async function idOf({ desk, training }: OpenRun, party: string, signal: AbortSignal): Promise<string> {
  if (party === desk.name) return desk.identity.id;
  const ids = idsOfRuns.get(desk) ?? new Map<string, string>();
  idsOfRuns.set(desk, ids);
  const place = `${trainingDigest(training)} ${party}`;
  const id = ids.get(place) ?? (await desk.peers.idOf(party, signal));
  ids.set(place, id);
  const [oldest] = ids.keys();
  if (ids.size > MOST_IDS && oldest !== undefined) ids.delete(oldest);
  return id;
}
