import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { sealRequest } from '../../colony/envelope.ts';
import { sign } from '../../colony/identity.ts';
import { post } from '../support/rpc.ts';
import { type Inner, readAnswer, type Role, ROLES, type World } from './world.ts';

/** Tables of messages: one row says who may send a message, how it is answered, and what its faults are answered with. */

/** A request is answered well, or refused with a status and words; `{colony}` in them is the colony's name. */
type Outcome = 'answered' | readonly [status: number, message: string | RegExp];

/** What both servers do, or what each of them does. */
export type Expectation = Outcome | Differing;

interface Differing {
  readonly differs: string;
  readonly official: Outcome;
  readonly here: Outcome;
}

/** Marks where the embedded server does something else on purpose. */
export function differs(why: string, outcomes: { readonly official: Outcome; readonly here: Outcome }): Differing {
  return { differs: why, ...outcomes };
}

/** Whom a message is for. */
export type Audience = 'serverOwner' | 'colonyOwner' | 'member' | 'looseMember';

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
    describe(row.type, () => {
      describeRoles(world, row);
      describeFaults(world, row);
      describeFields(world, row);
      for (const [title, { by, change, expect: expected }] of Object.entries(row.cases ?? {})) {
        test(titled(title, expected), async () => {
          const caller = by ?? callerOf(row);
          const request = await row.request(world(), caller);
          const changed = typeof change === 'function' ? await change(world(), request) : { ...request, ...change };
          await expectOutcome(world(), row, caller, changed, expected);
        });
      }
    });
  }
}

function titled(title: string, expectation: Expectation): string {
  return 'differs' in asObject(expectation) ? `${title} (differs: ${asObject(expectation).differs})` : title;
}

function asObject(expectation: Expectation): Partial<Differing> {
  return typeof expectation === 'object' && 'differs' in expectation ? expectation : {};
}

function callerOf({ by, audience }: MessageRow): Role {
  return by ?? AUDIENCES[audience].roles[0] ?? 'user';
}

function describeRoles(world: () => World, row: MessageRow): void {
  const { roles, refusal } = AUDIENCES[row.audience];
  for (const role of ROLES) {
    const expected = row.roles?.[role] ?? (roles.includes(role) ? 'answered' : ([403, refusal] as const));
    const verb = outcomeFor(expected, false) === 'answered' ? 'answers' : 'refuses';
    test(titled(`${verb} ${role}`, expected), async () => {
      await expectOutcome(world(), row, role, await row.request(world(), role), expected);
    });
  }
}

function describeFaults(world: () => World, row: MessageRow): void {
  const [invalidJson, typeMismatch] = row.texts;
  test('refuses a request that nobody signed', async () => {
    const caller = callerOf(row);
    const answer = await world().ask(undefined, row.type, await row.request(world(), caller));
    expectRefusal(answer, [403, 'Invalid signature length'], world());
  });
  test('refuses a payload that is no JSON, and one that is meant for another message', async () => {
    expectRefusal(await askWith(world(), row, 'no JSON'), [400, invalidJson], world());
    expectRefusal(await askWith(world(), row, '[]'), [400, invalidJson], world());
    expectRefusal(await askWith(world(), row, '{"msgtype":"versionmsg"}'), [400, typeMismatch], world());
  });
}

async function askWith(world: World, row: MessageRow, innerText: string) {
  const payload = Buffer.from(innerText).toString('base64');
  const signature = sign(payload, world.people[callerOf(row)]);
  return readAnswer(await post(world.address, JSON.stringify({ payloadtype: row.type, payload, signature })));
}

function describeFields(world: () => World, row: MessageRow): void {
  const caller = callerOf(row);
  const keys = Object.keys(row.missing);
  for (const [key, expected] of Object.entries(row.missing)) {
    test(titled(`without ${key}`, expected), async () => {
      const { [key]: left, ...rest } = await row.request(world(), caller);
      expect(left, 'the valid request has this key').toBeDefined();
      await expectOutcome(world(), row, caller, rest, expected);
      await expectOutcome(world(), row, caller, { ...rest, [key]: null }, expected);
    });
    const wrong = row.wrongTypes?.[key] ?? ([400, row.texts[0]] as const);
    test(titled(`with ${key} of a wrong type`, wrong), async () => {
      const request = await row.request(world(), caller);
      expect(Object.keys(request).toSorted(), 'every key of the request is looked at').toEqual(keys.toSorted());
      await expectOutcome(world(), row, caller, { ...request, [key]: ofWrongType(request[key]) }, wrong);
    });
  }
}

/** A value that Go does not read into a field for the given one. */
function ofWrongType(value: unknown): unknown {
  if (typeof value === 'string') return 7;
  return Array.isArray(value) ? {} : typeof value === 'object' ? [] : 'text';
}

async function expectOutcome(
  world: World,
  row: MessageRow,
  caller: Role,
  request: Inner,
  expectation: Expectation,
): Promise<void> {
  const outcome = outcomeFor(expectation, world.isOfficial);
  const answer = await world.ask(caller, row.type, request);
  if (outcome !== 'answered') return expectRefusal(answer, outcome, world);
  if (answer.error) expect(inWords(answer), inWords(answer)).toBe('answered');
  expect(answer).toMatchObject({ status: 200, error: false, payloadtype: row.replyType ?? row.type });
  expect(answer.contentType).toBe('text/plain; charset=utf-8');
  row.reply.parse(answer.payload);
}

function outcomeFor(expectation: Expectation, isOfficial: boolean): Outcome {
  if (typeof expectation === 'string' || !('differs' in expectation)) return expectation;
  return isOfficial ? expectation.official : expectation.here;
}

/** The official server answers some messages of strangers, and its own crashes, with nothing at all. */
export const EMPTY_ANSWER = [200, ''] as const;

function expectRefusal(
  answer: Awaited<ReturnType<World['ask']>>,
  [status, message]: Exclude<Outcome, string>,
  world: World,
): void {
  const expected = typeof message === 'string' ? message.replaceAll('{colony}', world.colonyName) : message;
  const words = inWords(answer);
  expect(words.startsWith(`${status} `), words).toBe(true);
  if (typeof expected === 'string') expect(words, words).toBe(`${status} ${expected}`);
  else expect(words).toMatch(expected);
  if (expected === '') return;
  expect(answer).toMatchObject({ status, error: true, payloadtype: 'error', contentType: 'text/plain; charset=utf-8' });
}

/** The status and the words of an answer; its whole payload when it is no refusal. */
function inWords({ status, payload }: Awaited<ReturnType<World['ask']>>): string {
  if (payload === undefined) return `${status} `;
  const isRefusal = typeof payload === 'object' && payload !== null && 'message' in payload && 'status' in payload;
  return isRefusal ? `${String(payload.status)} ${String(payload.message)}` : `answered ${JSON.stringify(payload)}`;
}

/** The usual words of a message: what failed, and the same where the text for a wrong type words it differently. */
export function textsOf(failure: string, mismatch: string = failure): readonly [string, string] {
  return [`${failure}, invalid JSON`, `${mismatch}, msg.MsgType does not match payloadType`];
}
