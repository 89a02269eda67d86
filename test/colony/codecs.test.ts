import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ChannelEntry } from '../../colony/messages/channels.ts';
import { Colony, Statistics, User } from '../../colony/messages/colonies.ts';
import { Cron } from '../../colony/messages/crons.ts';
import { Executor, RegisteredFunction } from '../../colony/messages/executors.ts';
import { ColonyFile, Snapshot } from '../../colony/messages/files.ts';
import { Generator } from '../../colony/messages/generators.ts';
import { messages } from '../../colony/messages/index.ts';
import { LogEntry } from '../../colony/messages/logs.ts';
import { Attribute, FunctionSpec, Process } from '../../colony/messages/processes.ts';
import { subscriptions } from '../../colony/messages/subscriptions.ts';
import { time, UNSET_TIME } from '../../colony/messages/wire.ts';
import { Workflow, WorkflowSpec } from '../../colony/messages/workflows.ts';

const CODECS: Readonly<Record<string, z.ZodType>> = {
  Attribute,
  ChannelEntry,
  Colony,
  ColonyFile,
  Cron,
  Executor,
  FunctionSpec,
  Generator,
  LogEntry,
  Process,
  RegisteredFunction,
  Snapshot,
  Statistics,
  User,
  Workflow,
  WorkflowSpec,
};

const SECTIONS_3_2_TO_3_5 = `
  addexecutor approveexecutor rejectexecutor removeexecutor getexecutors getexecutor getexecutorbyid
  changeexecutorid reportallocation updateexecutor addfunction getfunctions removefunction submitfuncspec
  assignprocess getprocess getprocesses getprocesshist removeprocess removeallprocesses closesuccessful
  closefailed setoutput cancelprocess addattribute getattribute channelappend channelread submitworkflowspec
  getprocessgraph getprocessgraphs removeprocessgraph removeallprocessgraphs cancelprocessgraph addchild
  addlog addexecutorlog getlogs searchlogs addfile getfile getfiles getfilelabels removefile createsnapshot
  getsnapshots getsnapshot removesnapshot removeallsnapshot addcron getcron getcrons runcron removecron
  addgenerator getgenerator getgenerators resolvegenerator packgenerator removegenerator
`
  .trim()
  .split(/\s+/);

/** What the official server sent for a finished process, time zone Europe/Stockholm. */
const capturedProcess = {
  processid: '80a98f46c7a364fd33339a6fb2e6c5d8988384fdbf4b90012490c4658bbc90ce',
  initiatorid: '3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac',
  initiatorname: 'myuser',
  assignedexecutorid: '',
  isassigned: false,
  state: 3,
  prioritytime: 1_795_168_901_435_824_640,
  submissiontime: '2026-11-20T09:41:43.58245+01:00',
  starttime: '0001-01-01T01:12:12+01:12',
  endtime: '2026-11-20T08:41:44Z',
  waitdeadline: '0000-12-31T19:03:58-04:56',
  execdeadline: '0001-01-01T00:00:00Z',
  retries: 0,
  attributes: null,
  spec: {
    nodename: 'r1:get_patent_data',
    funcname: 'get_patient_data',
    args: null,
    kwargs: { 'paillier-pubkey': 'eyJuIjogIjE1In0=' },
    priority: 0,
    maxwaittime: -1,
    maxexectime: 100,
    maxretries: 3,
    conditions: {
      colonyname: 'dev',
      executornames: null,
      executortype: 'r1-hospital_executor',
      dependencies: [],
      mem: '0Mi',
    },
    label: '',
    fs: { mount: '', snapshots: null, dirs: null },
    env: {},
    reconciliation: { unknown: true },
  },
  waitforparents: false,
  parents: [],
  children: [],
  processgraphid: '',
  in: null,
  out: [],
  errors: null,
};

describe('a process from the official server', () => {
  const process = z.decode(Process, capturedProcess);

  test('has our names, and lists where the wire has null', () => {
    expect(process.state).toBe('failed');
    expect(process.spec.kwargs).toEqual({ 'paillier-pubkey': 'eyJuIjogIjE1In0=' });
    expect([process.input, process.errors, process.attributes, process.spec.conditions.executorNames]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });

  test('has its times in any zone, and none where Go writes its zero time', () => {
    expect(process.submissionTime?.toISOString()).toBe('2026-11-20T08:41:43.582Z');
    expect([process.startTime, process.waitDeadline, process.execDeadline]).toEqual([undefined, undefined, undefined]);
  });

  test('is written back with every key, without those nobody knows, and with times in UTC', () => {
    const wire = z.encode(Process, process);
    expect(wire).toMatchObject({ state: 3, starttime: UNSET_TIME, in: [], submissiontime: '2026-11-20T08:41:43.582Z' });
    expect(wire).not.toHaveProperty('spec.reconciliation');
  });
});

describe('times', () => {
  test.each([
    ['2026-11-20T09:41:43Z', '2026-11-20T09:41:43.000Z'],
    ['2026-11-20T09:41:43.123456789+05:45', '2026-11-20T03:56:43.123Z'],
    ['2026-11-20T00:30:00-04:56', '2026-11-20T05:26:00.000Z'],
  ])('%s is read', (wire, iso) => {
    expect(z.decode(time, wire)?.toISOString()).toBe(iso);
  });

  test.each([null, undefined, '0001-01-01T00:00:00Z', '0001-01-01T01:12:12+01:12', '0000-12-31T19:03:58-04:56'])(
    '%s means not set',
    (wire) => {
      expect(z.decode(time, wire)).toBeUndefined();
    },
  );

  test.each(['', '1', '2026-11-20', 'yesterday', '2026-13-40T00:00:00Z', '2026-11-20 09:41:43Z'])(
    '%j is no time',
    (wire) => {
      expect(z.safeDecode(time, wire).success).toBe(false);
    },
  );

  test('any moment of the last thousand years survives writing and reading', () => {
    const moments = fc.date({ min: new Date('1026-01-01'), max: new Date('2999-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, (moment) => {
        expect(z.decode(time, z.encode(time, moment))).toEqual(moment);
      }),
      { seed: 5 },
    );
  });
});

describe.each(Object.entries(CODECS))('the codec of %s', (_, codec) => {
  test('reads what it wrote', () => {
    fc.assert(
      fc.property(wireOf(codec), (wire) => {
        const written = z.encode(codec, codec.parse(wire));
        const again = z.encode(codec, z.decode(codec, written));
        expect(again).toEqual(written);
        expect(JSON.parse(JSON.stringify(again))).toEqual(JSON.parse(JSON.stringify(written)));
      }),
      { seed: 6, numRuns: 50 },
    );
  });

  test('refuses junk with an issue, never with a crash', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), (junk) => {
        expect(z.safeDecode(codec, junk)).toHaveProperty('success');
        expect(z.safeEncode(codec, junk)).toHaveProperty('success');
      }),
      { seed: 7, numRuns: 100 },
    );
  });
});

describe('the messages', () => {
  test('have types of their own', () => {
    const types = [...Object.values(messages), ...Object.values(subscriptions)].map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    expect(types.every((type) => /^[a-z]+msg$/.test(type))).toBe(true);
  });

  test('cover sections 3.2 to 3.5 of the protocol', () => {
    const types = Object.values(messages).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(SECTIONS_3_2_TO_3_5.map((name) => `${name}msg`)));
  });

  test('never send a generator that would crash the official server', () => {
    const generator = { ...z.decode(Generator, { trigger: 1 }), trigger: 0 };
    expect(z.safeEncode(messages.addGenerator.request, { generator }).success).toBe(false);
  });
});

type Schema = z.core.JSONSchema.JSONSchema;

/** Wire values that a codec reads: fields that may be missing or null sometimes are. */
function wireOf(codec: z.ZodType): fc.Arbitrary<unknown> {
  return valuesOf(z.toJSONSchema(codec, { io: 'input', unrepresentable: 'any' }));
}

const VALUES: Readonly<Record<string, (schema: Schema, key: string) => fc.Arbitrary<unknown>>> = {
  object: (schema) => objectsOf(schema),
  array: ({ items }) => fc.array(isSchema(items) ? valuesOf(items) : fc.jsonValue(), { maxLength: 2 }),
  string: (schema, key) => (TIME_KEYS.test(key) ? TIMES : textsOf(schema)),
  integer: ({ minimum = 0, maximum = 9 }) =>
    fc.integer({ min: Math.max(minimum, -1000), max: Math.min(maximum, 1000) }),
  number: () => fc.double({ noNaN: true, noDefaultInfinity: true }),
  boolean: () => fc.boolean(),
};

function valuesOf(schema: Schema, key = ''): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.filter(isSchema).map((each) => valuesOf(each, key)));
  const kinds = [schema.type].flat().map((kind) => VALUES[kind ?? 'null']?.(schema, key) ?? fc.constant(null));
  return fc.oneof(...kinds);
}

function objectsOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).filter((entry): entry is [string, Schema] => isSchema(entry[1]));
  const model = Object.fromEntries(fields.map(([key, property]) => [key, valuesOf(property, key)]));
  return fc.record(model, { requiredKeys: required });
}

const TIME_KEYS = /time$|deadline$|run$|added|timestamp|firstpack/;
const TIMES = fc.constantFrom(
  '2026-11-20T09:41:43.5+01:00',
  '2026-11-20T08:41:43Z',
  '0001-01-01T01:12:12+01:12',
  UNSET_TIME,
);

function textsOf({ contentEncoding, pattern }: Schema): fc.Arbitrary<string> {
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern, 'u'));
  return contentEncoding === 'base64' ? fc.base64String() : fc.string();
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && !Array.isArray(value);
}
