import { openSigned, signText } from '../agreement.ts';
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

/** Ids of the parties of the runs that are open: looked up once, so that nobody takes another's place later. */
const idsOfRuns = new WeakMap<OpenRun, Map<string, string>>();

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

async function idOf(run: OpenRun, party: string, signal: AbortSignal): Promise<string> {
  const ids = idsOfRuns.get(run) ?? new Map<string, string>();
  idsOfRuns.set(run, ids);
  const { desk } = run;
  const id = ids.get(party) ?? (party === desk.name ? desk.identity.id : await desk.peers.idOf(party, signal));
  ids.set(party, id);
  return id;
}
