import { otherHolders } from '../additive/precision.ts';
import { gradientSumRound } from '../additive/products.ts';
import type { Turn } from '../contexts.ts';
import { decodeMessage, encodeMessage } from '../messages.ts';
import { openCiphertexts, ResumeOutput, VectorsOutput, vectorText } from '../outputs.ts';
import { partiesOf } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import type { OpenRun } from './additive-keys.ts';
import type { CallTools } from './desk.ts';
import { expectAll, openStatements, statement } from './statements.ts';

/**
 * Multiplies what the holders of shares computed for each feature party; no key opens it here.
 *
 * @param inputs what the label party resumed with, then everybody's products: the label party's, then the feature parties'
 */
export async function sumProducts(
  run: OpenRun,
  turn: Turn,
  inputs: readonly string[],
  { blobs, signal }: CallTools,
): Promise<string> {
  const { desk, training } = run;
  const { parameters } = training;
  // With one feature party only the label party has something to multiply.
  const holders = parameters.features.length < 2 ? [parameters.label] : partiesOf(parameters);
  const expected = [
    { about: 'resumed', party: parameters.label } as const,
    ...expectAll(holders, { about: 'product', ...turn }),
  ];
  const [resumed = '', ...said] = await openStatements(run, inputs, expected, signal);
  const { keys = [] } = decodeMessage(ResumeOutput, resumed);
  const products = productsByHolder(run, said);
  const vectors: string[] = [];
  for (const [index, { name: owner }] of parameters.features.entries()) {
    const publicKey = await desk.keys.read(desk, training, keys[index] ?? '', signal, owner);
    const messages = otherHolders(parameters, owner).map((holder) =>
      openCiphertexts(blobs, products.get(holder)?.get(owner) ?? '', signal),
    );
    const sum = await gradientSumRound({ parameters, publicKey }, turn, owner, messages, { signal });
    vectors.push(await vectorText(blobs, sum, signal));
  }
  const output = encodeMessage(VectorsOutput, { v: 1, kind: 'vectors', vectors });
  return statement(run, { about: 'gradient-sum', ...turn }, output);
}

/** Texts by holder and owner. */
function productsByHolder({ training }: OpenRun, inputs: readonly string[]): Map<string, Map<string, string>> {
  const { parameters } = training;
  const holders = partiesOf(parameters).slice(0, inputs.length);
  return new Map(
    holders.map((holder, index) => {
      const { vectors } = decodeMessage(VectorsOutput, inputs[index] ?? '');
      const owners = parameters.features.map(({ name }) => name).filter((name) => name !== holder);
      if (vectors.length !== owners.length) {
        throw refusal('WRONG_COUNT', `products of ${holder}: expected ${owners.length} vectors, got ${vectors.length}`);
      }
      return [holder, new Map(owners.map((owner, place) => [owner, vectors[place] ?? '']))] as const;
    }),
  );
}
