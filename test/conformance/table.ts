import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { sign } from '../../colony/identity.ts';
import { post } from '../support/rpc.ts';
import { type Answer, type Inner, readAnswer, type Role, ROLES, type World } from './world.ts';

/** Tables of messages: one row says who may send a message, how it is answered, and what its faults are answered with. */

/** A request is answered well, or refused with a status and words; `{colony}` in them is the colony's name. */
type Outcome = 'answered' | readonly [status: number, message: string | RegExp];

/** What both servers do, or what each of them does. */
export type Expectation = Outcome | Differing;

interface Differing {
  readonly differs: string;
  /** `not asked`: the official server would end, or spoil what is stored. */
  readonly official: Outcome | 'not asked';
  readonly here: Outcome;
}

/** Marks where the embedded server does something else on purpose. */
export function differs(why: string, outcomes: Omit<Differing, 'differs'>): Differing {
  return { differs: why, ...outcomes };
}

/** Whom a message is for. */
type Audience = 'serverOwner' | 'colonyOwner' | 'member' | 'looseMember';

/** One kind of message. */
export interface MessageRow {
  readonly type: string;
  readonly audience: Audience;
  /** Who sends the requests whose faults are looked at; the audience's first role unless given. */
  readonly by?: Role;
  /** A valid request, made anew for every case, as some are used up. */
  readonly request: (world: World, caller: Role) => Inner | Promise<Inner>;
  readonly reply: z.ZodType;
  /** The type of the reply's envelope, where it is not the request's. */
  readonly replyType?: string;
  /** What roles get that the audience does not tell. */
  readonly roles?: Partial<Record<Role, Expectation>>;
  /** The words for a payload that cannot be read, and for one that is meant for another message. */
  readonly texts: readonly [invalidJson: string, typeMismatch: string];
  /** What a request without a key is answered with, for every key of the request. */
  readonly missing: Readonly<Record<string, Expectation>>;
  /** What a value of the wrong type is answered with, where it is not the text for a payload that cannot be read. */
  readonly wrongTypes?: Readonly<Record<string, Expectation>>;
  /** Further cases by their titles: the valid request with some keys changed. */
  readonly cases?: Readonly<Record<string, MessageCase>>;
}

/** A request that is not the usual one. */
interface MessageCase {
  readonly by?: Role;
  readonly change: Inner | ((world: World, request: Inner) => Inner | Promise<Inner>);
  readonly expect: Expectation;
}

const AUDIENCES: Readonly<Record<Audience, { readonly roles: readonly Role[]; readonly refusal: string }>> = {
  serverOwner: { roles: ['serverOwner'], refusal: 'Access denied, not server owner' },
  colonyOwner: { roles: ['colonyOwner'], refusal: 'Access denied, not colony owner' },
  member: { roles: ['user', 'executor'], refusal: 'Access denied, not a member of Colony with name <{colony}>' },
  looseMember: {
    roles: ['user', 'executor', 'pending'],
    refusal: 'Access denied, not a member of Colony with name <{colony}>',
  },
};

/** The cases of a table. */
export function conformsTo(world: () => World, rows: readonly MessageRow[]): void {
  for (const row of rows) {
    describe(`${row.type}, for ${row.audience}`, () => {
      describeRoles(world, row);
      describeFaults(world, row);
      describeFields(world, row);
      describeCases(world, row);
    });
  }
}

function describeCases(world: () => World, row: MessageRow): void {
  for (const [title, { by, change, expect: expectation }] of Object.entries(row.cases ?? {})) {
    test(`${title}${reasonOf(expectation)}`, async () => {
      const caller = by ?? callerOf(row);
      const request = await row.request(world(), caller);
      const changed = typeof change === 'function' ? await change(world(), request) : { ...request, ...change };
      const { got, expected } = await exchange(world(), row, caller, changed, expectation);
      expect(got, got).toBe(expected);
    });
  }
}

function reasonOf(expectation: Expectation): string {
  return isDiffering(expectation) ? ` (differs: ${expectation.differs})` : '';
}

function isDiffering(expectation: Expectation): expectation is Differing {
  return typeof expectation === 'object' && 'differs' in expectation;
}

function callerOf({ by, audience }: MessageRow): Role {
  return by ?? AUDIENCES[audience].roles[0] ?? 'user';
}

function describeRoles(world: () => World, row: MessageRow): void {
  const { roles, refusal } = AUDIENCES[row.audience];
  for (const role of ROLES) {
    const expectation = row.roles?.[role] ?? (roles.includes(role) ? 'answered' : ([403, refusal] as const));
    const verb = outcomeFor(expectation, false) === 'answered' ? 'answers' : 'refuses';
    test(`${verb} ${role}${reasonOf(expectation)}`, async () => {
      const { got, expected } = await exchange(world(), row, role, await row.request(world(), role), expectation);
      expect(got, got).toBe(expected);
    });
  }
}

function describeFaults(world: () => World, row: MessageRow): void {
  const [invalidJson, typeMismatch] = row.texts;
  test('refuses a request that nobody signed', async () => {
    const answer = await world().ask(undefined, row.type, await row.request(world(), callerOf(row)));
    expect(inWords(row, answer)).toBe('403 Invalid signature length');
  });
  test('refuses a payload that is no JSON, and one that is meant for another message', async () => {
    expect(await askWith(world(), row, 'no JSON')).toBe(`400 ${invalidJson}`);
    expect(await askWith(world(), row, '[]')).toBe(`400 ${invalidJson}`);
    expect(await askWith(world(), row, '{"msgtype":"versionmsg"}')).toBe(`400 ${typeMismatch}`);
  });
}

async function askWith(world: World, row: MessageRow, innerText: string): Promise<string> {
  const payload = Buffer.from(innerText).toString('base64');
  const signature = sign(payload, world.people[callerOf(row)]);
  const reply = await post(world.address, JSON.stringify({ payloadtype: row.type, payload, signature }));
  return inWords(row, readAnswer(reply));
}

function describeFields(world: () => World, row: MessageRow): void {
  const caller = callerOf(row);
  const keys = Object.keys(row.missing);
  test('is looked at key by key', async () => {
    expect(Object.keys(await row.request(world(), caller)).toSorted()).toEqual(keys.toSorted());
  });
  for (const [key, expectation] of Object.entries(row.missing)) {
    test(`without ${key}${reasonOf(expectation)}`, async () => {
      for (const absent of [undefined, null]) {
        const request = { ...(await row.request(world(), caller)), [key]: absent };
        const { got, expected } = await exchange(world(), row, caller, request, expectation);
        expect(got, got).toBe(expected);
      }
    });
    const wrong = row.wrongTypes?.[key] ?? ([400, row.texts[0]] as const);
    test(`with ${key} of a wrong type${reasonOf(wrong)}`, async () => {
      const request = await row.request(world(), caller);
      const changed = { ...request, [key]: ofWrongType(request[key]) };
      const { got, expected } = await exchange(world(), row, caller, changed, wrong);
      expect(got, got).toBe(expected);
    });
  }
}

/** A value that Go does not read into a field for the given one. */
function ofWrongType(value: unknown): unknown {
  if (typeof value === 'string') return 7;
  return Array.isArray(value) ? {} : typeof value === 'object' ? [] : 'text';
}

/** Sends a request, and puts what came and what should have come into words. */
async function exchange(
  world: World,
  row: MessageRow,
  caller: Role,
  request: Inner,
  expectation: Expectation,
): Promise<{ readonly got: string; readonly expected: string }> {
  const outcome = outcomeFor(expectation, world.isOfficial);
  if (outcome === 'not asked') return { got: outcome, expected: outcome };
  const got = inWords(row, await world.ask(caller, row.type, request));
  if (outcome === 'answered') return { got, expected: 'answered' };
  const [status, message] = outcome;
  if (message instanceof RegExp) return { got, expected: message.test(got) ? got : String(message) };
  return { got, expected: `${status} ${message.replaceAll('{colony}', world.colonyName)}` };
}

function outcomeFor(expectation: Expectation, isOfficial: boolean): Outcome | 'not asked' {
  if (!isDiffering(expectation)) return expectation;
  return isOfficial ? expectation.official : expectation.here;
}

/** The official server answers some messages of strangers, and its own crashes, with nothing at all. */
export const EMPTY_ANSWER = [200, ''] as const;

const TEXT = 'text/plain; charset=utf-8';

/** `answered` for the right answer, status and words of a refusal, and what is wrong with any other answer. */
function inWords({ type, reply, replyType = type }: MessageRow, answer: Answer): string {
  const { status, payload, contentType, payloadtype } = answer;
  if (payload === undefined) return `${status} `;
  if (contentType !== TEXT) return `expected ${TEXT}, got ${contentType}`;
  if (answer.error) {
    const failure = Failure.parse(payload);
    return `${failure.status} ${failure.message}${status === failure.status && payloadtype === 'error' ? '' : ', in a wrong envelope'}`;
  }
  const { error } = reply.safeParse(payload);
  const isRight = error === undefined && status === 200 && payloadtype === replyType;
  return isRight ? 'answered' : `answered as ${payloadtype} with ${JSON.stringify(payload)}: ${String(error)}`;
}

const Failure = z.strictObject({ status: z.number(), message: z.string() });

/** The usual words of a message: what failed, and the same where the text for a wrong type words it differently. */
export function textsOf(failure: string, mismatch: string = failure): readonly [string, string] {
  return [`${failure}, invalid JSON`, `${mismatch}, msg.MsgType does not match payloadType`];
}
