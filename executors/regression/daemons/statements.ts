import { createHash } from 'node:crypto';
import { sign, type Identity } from '../../../colony/identity.ts';
import { signerOf } from '../agreement.ts';
import { encodeMessage, StatementMessage } from '../messages.ts';
import { findStatement, isStop } from '../outputs.ts';
import { refusal, type RefusalCode } from '../refusal.ts';
import { graphOf, trainingDigest } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import { idOf } from './party-ids.ts';

/**
 * What daemons of a run tell each other is signed end to end: every text that counts carries the signature of whoever says
 * it, over the training, what it is, the iteration, the attempt and the text's digest. A text names its blobs by their
 * digests, so that these are signed with it. Neither the server nor a member of the colony can put something else in its
 * place, or the same somewhere else. Keys, halves and what is sealed are signed or authenticated by themselves.
 */

/** What statements are about. */
type About =
  | 'survey'
  | 'labels'
  | 'rows'
  | 'ready'
  | 'resumed'
  | 'forward'
  | 'aggregate'
  | 'powers'
  | 'gradient'
  | 'opening'
  | 'product'
  | 'gradient-sum'
  | 'stand'
  | 'finished'
  | 'loss-part'
  | 'prediction'
  | 'prediction-sum'
  | 'prediction-part'
  | 'report';

/** Where a statement stands in a training. */
export interface StatementPlace {
  readonly about: About;
  /** 0 in the set-up. */
  readonly iteration?: number;
  /** 0 but for repetitions of an iteration. */
  readonly attempt?: number;
}

/** What a reader expects. */
export interface ExpectedStatement {
  readonly about: About;
  readonly party: string;
  /** Undefined where the reader cannot know it and the text says it. */
  readonly iteration?: number | undefined;
  /** @see {@link ExpectedStatement.iteration} */
  readonly attempt?: number | undefined;
}

const DOMAIN = 'sealed-colonies/regression/statement/1';

/** This party's text at its place, signed. */
export function statement({ desk, training }: OpenRun, place: StatementPlace, text: string): string {
  return statementBy(desk, trainingDigest(training), place, text);
}

/** The same where there is no training yet. @param digest of what the statement belongs to */
export function statementBy(
  { name, identity }: { readonly name: string; readonly identity: Identity },
  digest: string,
  { about, iteration = 0, attempt = 0 }: StatementPlace,
  text: string,
): string {
  const place = { training: digest, about, iteration, attempt, party: name };
  const signature = sign(signedText({ ...place, text }), identity);
  return encodeMessage(StatementMessage, { v: 1, kind: 'statement', ...place, text, signature });
}

type Signed = Omit<StatementMessage, 'v' | 'kind' | 'signature'>;

function signedText({ training, about, iteration, attempt, party, text }: Signed): string {
  const digest = createHash('sha256').update(text).digest('hex');
  return [DOMAIN, training, about, iteration, attempt, party, digest].join('\n');
}

/** One statement from each party about the same. */
export function expectAll(
  parties: readonly string[],
  place: Omit<ExpectedStatement, 'party'>,
): readonly ExpectedStatement[] {
  return parties.map((party) => ({ ...place, party }));
}

/** One statement from each feature party about the same. */
export function expectFeatures(
  { training }: OpenRun,
  place: Omit<ExpectedStatement, 'party'>,
): readonly ExpectedStatement[] {
  return expectAll(
    training.parameters.features.map(({ name }) => name),
    place,
  );
}

/**
 * The texts of statements that are where they are expected.
 *
 * @param inputs one for each that is expected, in this order
 * @throws TerminalError `WRONG_COUNT`, or as {@link openStatement}
 */
export async function openStatements(
  run: OpenRun,
  inputs: readonly string[],
  expected: readonly ExpectedStatement[],
  signal: AbortSignal,
): Promise<string[]> {
  if (inputs.length !== expected.length) {
    const wanted = expected.map(({ about, party }) => `${about} of ${party}`).join(', ');
    throw refusal('WRONG_COUNT', `inputs: expected ${expected.length} (${wanted}), got ${inputs.length}`);
  }
  const texts: string[] = [];
  for (const [index, wanted] of expected.entries()) {
    texts.push((await openStatement(run, inputs[index] ?? '', wanted, signal)).text);
  }
  return texts;
}

/**
 * A statement that is where it is expected.
 *
 * @throws TerminalError `BAD_MESSAGE`, `BAD_SIGNATURE` when it was changed or somebody else signed it, `WRONG_RUN`,
 *   `WRONG_ROUND`, `WRONG_PARTY`, `STALE_CONTEXT` or `WRONG_ATTEMPT` when it belongs elsewhere, or as `Peers.idOf`
 */
export async function openStatement(
  run: OpenRun,
  input: string,
  expected: ExpectedStatement,
  signal: AbortSignal,
): Promise<StatementMessage> {
  const said = decodeStatement(input, expected);
  requirePlace(said, trainingDigest(run.training), expected);
  requireSigner(said, await idOf(run, expected.party, signal));
  return said;
}

/**
 * The text of a statement where there is no training yet.
 *
 * @param digest as that of {@link statementBy}
 * @param id that the party signs with
 * @throws TerminalError as {@link openStatement}
 */
export function openStatementBy(input: string, digest: string, expected: ExpectedStatement, id: string): string {
  const said = decodeStatement(input, expected);
  requirePlace(said, digest, expected);
  requireSigner(said, id);
  return said.text;
}

/** What a statement says it is about; undefined for other texts. */
export function aboutOf(input: string): string | undefined {
  return findStatement(input)?.about;
}

function decodeStatement(input: string, { about, party }: ExpectedStatement): StatementMessage {
  const said = findStatement(input);
  if (said !== undefined) return said;
  throw refusal(
    'BAD_SIGNATURE',
    `${about} of ${party}: expected a statement with the signature of ${party}, got something unsigned; nothing else counts`,
  );
}

function requirePlace(said: StatementMessage, digest: string, expected: ExpectedStatement): void {
  const { about, party } = expected;
  const wanted = { training: digest, about, party, iteration: expected.iteration, attempt: expected.attempt };
  for (const [field, code] of FIELDS) {
    if (wanted[field] === undefined || wanted[field] === said[field]) continue;
    throw refusal(
      code,
      `${about} of ${party}: expected one of ${field} ${wanted[field]}, got one of ${said[field]}; it belongs elsewhere`,
    );
  }
}

const FIELDS: readonly (readonly ['training' | 'about' | 'party' | 'iteration' | 'attempt', RefusalCode])[] = [
  ['training', 'WRONG_RUN'],
  ['about', 'WRONG_ROUND'],
  ['party', 'WRONG_PARTY'],
  ['iteration', 'STALE_CONTEXT'],
  ['attempt', 'WRONG_ATTEMPT'],
];

function requireSigner(said: StatementMessage, id: string): void {
  if (signerOf(signedText(said), said.signature) === id) return;
  throw refusal(
    'BAD_SIGNATURE',
    `${said.about} of ${said.party}: expected the signature of ${id.slice(0, 16)}…, got another; it was changed, or said by somebody else`,
  );
}

/**
 * The order to stop, if one of these is it: said by a party that opens, and passed on as it was signed.
 *
 * @returns the whole statement's text
 * @throws TerminalError when somebody else says so, as {@link openStatement}
 */
export async function findStop(
  run: OpenRun,
  inputs: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const input of inputs) {
    const said = findStatement(input);
    if (said === undefined || !isStop(said.text)) continue;
    const { openers, isAdditive } = graphOf(run.training);
    const party = openers.find((opener) => opener === said.party) ?? run.training.parameters.label;
    await openStatement(run, input, { about: isAdditive ? 'product' : 'opening', party }, signal);
    return input;
  }
  return undefined;
}
