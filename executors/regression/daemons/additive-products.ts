import { productRound } from '../additive/products.ts';
import type { PairSeeds } from '../additive/pads.ts';
import type { Turn } from '../contexts.ts';
import { encodeMessage } from '../messages.ts';
import { VectorsOutput, vectorText } from '../outputs.ts';
import { refusal } from '../refusal.ts';
import type { RunKey } from '../streams.ts';
import { keysOfRun, type OpenRun } from './additive-keys.ts';
import { openRows } from './additive-rows.ts';
import type { CallTools } from './desk.ts';
import { statement } from './statements.ts';

/** What a holder multiplies with. */
interface OwnShares {
  readonly shares: Uint8Array;
  readonly pairSeeds: PairSeeds;
}

/** A holder's share on the rows of every feature party but itself: texts in the order of the parties. */
export async function multiply(
  run: OpenRun,
  turn: Turn,
  { shares, pairSeeds }: OwnShares,
  tools: CallTools,
): Promise<string> {
  const { desk, training } = run;
  const holder = { parameters: training.parameters, name: desk.name, pairSeeds };
  const { kept } = await keysOfRun(run);
  const vectors: string[] = [];
  for (const { name: owner } of training.parameters.features) {
    if (owner === desk.name) continue;
    const rows = await openRows(run, owner, await ownerKey(run, owner, tools), kept[owner] ?? '');
    const { signal } = tools;
    const product = await productRound(holder, turn, rows, shares, { signal });
    vectors.push(await vectorText(tools.blobs, product, signal));
  }
  return statement(
    run,
    { about: 'product', ...turn },
    encodeMessage(VectorsOutput, { v: 1, kind: 'vectors', vectors }),
  );
}

async function ownerKey(run: OpenRun, owner: string, { signal }: CallTools): Promise<RunKey> {
  const { desk, training } = run;
  const { keys } = await keysOfRun(run);
  const text = keys[owner];
  if (text === undefined) throw refusal('WRONG_PARTY', `rows: expected the key of ${owner}, got none`);
  return { parameters: training.parameters, publicKey: await desk.keys.read(desk, training, text, signal, owner) };
}
