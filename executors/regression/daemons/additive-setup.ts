import { randomBytes } from 'node:crypto';
import { generateKeyPair } from '../../../crypto/paillier/index.ts';
import { primesOf } from '../../../crypto/paillier/keys.ts';
import { rowsRound } from '../additive/rows.ts';
import { keyText } from '../agreement.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { RowsOutput, vectorText } from '../outputs.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import { type AdditiveKeys, keyStoreOf, type OpenRun, privateKeyOf, recallKeys } from './additive-keys.ts';
import { digestOfRows, keepRows } from './additive-rows.ts';
import type { CallTools, Desk } from './desk.ts';
import { type FeatureRun, recall } from './feature-run.ts';
import { pairTextsOf, readyText } from './feature-setup.ts';
import { type LabelRun, recallLabels } from './label-run.ts';
import { expectFeatures, openStatements, statement } from './statements.ts';

/** The set-up of a run in mode `additive`. */

/** Draws this party's own key and encrypts its rows under it, once. A repetition says the same. */
export async function rows(run: FeatureRun, _inputs: readonly string[], tools: CallTools): Promise<string> {
  const { desk, training } = run;
  await recall(run);
  const store = keyStoreOf(desk, training.parameters);
  const keys = await recallKeys(store);
  const own = keys.own ?? (await drawOwn(desk, training.parameters));
  if (keys.own === null) await store.commit({ ...keys, own });
  const text = own.rows ?? (await encryptRows(run, own, tools));
  if (own.rows === null) await store.commit({ ...keys, own: { ...own, rows: text } });
  const output = encodeMessage(RowsOutput, { v: 1, kind: 'rows', key: own.key, rows: text });
  return statement(run, { about: 'rows' }, output);
}

async function drawOwn(desk: Desk, parameters: RunParameters): Promise<NonNullable<AdditiveKeys['own']>> {
  // Whether a key is long enough is for the guards to say, which demonstrations may overrule.
  const { privateKey } = await generateKeyPair({ keyBits: parameters.keyBits, allowShortKey: true });
  const { p, q } = await primesOf(privateKey);
  const key = await keyText(parameters, desk.name, privateKey, desk.identity);
  return { p: p.toString(16), q: q.toString(16), padSeed: randomBytes(32).toString('hex'), key, rows: null };
}

async function encryptRows(
  run: FeatureRun,
  own: NonNullable<AdditiveKeys['own']>,
  { blobs, signal }: CallTools,
): Promise<string> {
  const privateKey = await privateKeyOf(run, own);
  const { parameters } = run.training;
  const { columns } = run.prepared;
  const party = { parameters, privateKey, publicKey: privateKey.publicKey, name: run.desk.name, columns };
  return vectorText(blobs, rowsRound(party, { signal }), signal);
}

/**
 * Keeps what a feature party needs for the rounds.
 *
 * @param inputs rows of all feature parties, then halves of all parties, in their order
 */
export async function keepAsFeature(run: FeatureRun, inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await recall(run);
  const { desk, training } = run;
  const parties = training.parameters.features.length;
  const pairs = await pairTextsOf(desk, training, memory.half, inputs.slice(parties), tools);
  await keepAll(run, inputs.slice(0, parties), tools);
  await run.store.commit({ ...memory, pairs });
  return readyText(run);
}

/** Keeps what the label party needs for the rounds. @param inputs as those of {@link keepAsFeature} */
export async function keepAsLabel(run: LabelRun, inputs: readonly string[], tools: CallTools): Promise<string> {
  const memory = await recallLabels(run);
  const { desk, training } = run;
  const parties = training.parameters.features.length;
  const pairs = await pairTextsOf(desk, training, memory.half, inputs.slice(parties), tools);
  await keepAll(run, inputs.slice(0, parties), tools);
  await run.store.commit({ ...memory, pairs });
  return readyText(run);
}

/** Keeps everybody's key, and everybody else's rows. */
async function keepAll(run: OpenRun, inputs: readonly string[], tools: CallTools): Promise<void> {
  const { desk, training } = run;
  const { parameters } = training;
  const store = keyStoreOf(desk, parameters);
  let keys = await recallKeys(store);
  const texts = await openStatements(run, inputs, expectFeatures(run, { about: 'rows', iteration: 0 }), tools.signal);
  for (const [index, { name: owner }] of parameters.features.entries()) {
    const output = decodeMessage(RowsOutput, texts[index] ?? '');
    const publicKey = await desk.keys.read(desk, training, output.key, tools.signal, owner);
    const digest = digestOfRows(output);
    requireSameRows(keys, owner, output.key, digest);
    if (owner !== desk.name && keys.kept[owner] === undefined) {
      await keepRows(run, owner, { parameters, publicKey }, output, tools);
    }
    keys = {
      own: keys.own,
      keys: { ...keys.keys, [owner]: output.key },
      kept: owner === desk.name ? keys.kept : { ...keys.kept, [owner]: digest },
    };
    await store.commit(keys);
  }
}

/**
 * An owner chooses once what its gradients are about: who could replace its rows between iterations would choose again in each.
 *
 * @throws TerminalError `DATA_CHANGED` for another key or other rows than those that are kept
 */
function requireSameRows({ keys, kept }: AdditiveKeys, owner: string, key: string, digest: string): void {
  if ((keys[owner] ?? key) === key && (kept[owner] ?? digest) === digest) return;
  throw refusal(
    'DATA_CHANGED',
    `rows of ${owner}: expected the key and the rows that the set-up began with, got others; begin a new run`,
  );
}
