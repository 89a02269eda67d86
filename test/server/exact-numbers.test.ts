import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Identity, sign } from '../../colony/identity.ts';
import { addCron, runCron } from '../../colony/messages/crons.ts';
import { parseMeasured, toExactJson } from '../../server/exact-json.ts';
import { shapeOf } from '../../server/json-shape.ts';
import { processesOf, cronOf } from '../support/recurring.ts';
import { post } from '../support/rpc.ts';
import { assign, quick, succeed } from '../support/server-calls.ts';
import { startTestColony, type TestColony } from '../support/test-colony.ts';

/** Sends an inner JSON as it is written, and gives back the one of the answer, as it is written. */
async function callRaw(colony: TestColony, identity: Identity, type: string, json: string) {
  const payload = Buffer.from(json).toString('base64');
  const envelope = { payloadtype: type, payload, signature: sign(payload, identity) };
  const { status, body } = await post(colony.address, JSON.stringify(envelope));
  const { payload: answered }: { payload: string } = JSON.parse(body);
  return { status, json: Buffer.from(answered, 'base64').toString() };
}

const CONDITIONS = '"conditions":{"colonyname":"test","executortype":"worker"';

/** A process whose arguments are written so. */
const submission = (args: string, kwargs = '{}') =>
  `{"msgtype":"submitfuncspecmsg","spec":{"funcname":"f","maxexectime":-1,"args":${args},"kwargs":${kwargs},${CONDITIONS}}}}`;

/** What stands in an answer under a name, up to where the next name begins. */
const valueOf = (json: string, name: string, next: string) =>
  json.slice(json.indexOf(`"${name}":`) + name.length + 3, json.indexOf(`,"${next}":`));

const BIG = ['9007199254740993', '-12345678901234567890', '1000000000000000000000000000000000000000001'];

describe('integers that doubles would round', () => {
  test('come back with every digit: arguments, output, input of a child, and after a restart', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const nodes = `{"nodename":"a","args":[${BIG.join(',')}],${CONDITIONS}}},{"nodename":"b","kwargs":{"n":{"deep":[${BIG[0]}]}},${CONDITIONS},"dependencies":["a"]}}`;
    const workflow = `{"msgtype":"submitworkflowspecmsg","spec":{"colonyname":"test","functionspecs":[${nodes}]}}`;
    expect((await callRaw(colony, colony.user, 'submitworkflowspecmsg', workflow)).status).toBe(200);
    const { processId: parentId } = await assign(colony, executor);
    const close = `{"msgtype":"closesuccessfulmsg","processid":"${parentId}","out":["text ${BIG[0]}",${BIG[1]},{"n":${BIG[0]}}]}`;
    expect((await callRaw(colony, executor.identity, 'closesuccessfulmsg', close)).status).toBe(200);
    const poll = '{"msgtype":"assignprocessmsg","colonyname":"test","timeout":10}';
    const child = await callRaw(colony, executor.identity, 'assignprocessmsg', poll);
    expect(valueOf(child.json, 'in', 'incounts')).toBe(`["text ${BIG[0]}",${BIG[1]},{"n":${BIG[0]}}]`);
    expect(valueOf(child.json, 'kwargs', 'priority')).toBe(`{"n":{"deep":[${BIG[0]}]}}`);
    await colony.restart();
    const parent = await callRaw(
      colony,
      colony.user,
      'getprocessmsg',
      `{"msgtype":"getprocessmsg","processid":"${parentId}"}`,
    );
    expect(valueOf(parent.json, 'args', 'kwargs')).toBe(`[${BIG.join(',')}]`);
    expect(valueOf(parent.json, 'out', 'errors')).toBe(`["text ${BIG[0]}",${BIG[1]},{"n":${BIG[0]}}]`);
  });

  test('come back with every digit from the workflow of a cron', async () => {
    await using colony = await startTestColony(quick);
    const workflowSpec = `{"colonyname":"test","functionspecs":[{"nodename":"a","kwargs":{"n":${BIG[0]}},${CONDITIONS}}}]}`;
    const { cronId } = await colony.call(colony.user, addCron, {
      cron: cronOf({ workflowSpec, intervalSeconds: 1000 }),
    });
    await colony.call(colony.user, runCron, { cronId });
    const [process] = await processesOf(colony);
    const request = `{"msgtype":"getprocessmsg","processid":"${process?.processId}"}`;
    const { json } = await callRaw(colony, colony.user, 'getprocessmsg', request);
    expect(valueOf(json, 'kwargs', 'priority')).toBe(`{"n":${BIG[0]}}`);
  });

  test('are refused where the server calculates with them, and where no double holds them', async () => {
    await using colony = await startTestColony();
    const spec = submission('[]').replace('"maxexectime":-1', `"maxexectime":${BIG[0]}`);
    for (const json of [spec, submission('[1e400]'), submission('[]', `{"n":${'9'.repeat(400)}}`)]) {
      const { status, json: answer } = await callRaw(colony, colony.user, 'submitfuncspecmsg', json);
      expect({ status, answer }).toMatchObject({ status: 400, answer: expect.stringContaining('invalid JSON') });
    }
  });

  test('come back over the wire whatever they are, in whatever values', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    await fc.assert(
      fc.asyncProperty(values(), async (output) => {
        const { processId } = await colony.submit({}, 'worker');
        await assign(colony, executor);
        const close = `{"msgtype":"closesuccessfulmsg","processid":"${processId}","out":[${output}]}`;
        expect((await callRaw(colony, executor.identity, 'closesuccessfulmsg', close)).status).toBe(200);
        const read = `{"msgtype":"getprocessmsg","processid":"${processId}"}`;
        const { json } = await callRaw(colony, colony.user, 'getprocessmsg', read);
        expect(valueOf(json, 'out', 'errors')).toBe(`[${output}]`);
      }),
      { numRuns: 60, seed: 20_261_120 },
    );
  });

  test('leave what follows as it was', async () => {
    await using colony = await startTestColony(quick);
    const executor = await colony.addExecutor('worker');
    const { json } = await callRaw(colony, colony.user, 'submitfuncspecmsg', submission(`[1.0, 1e2, ${BIG[0]}]`));
    expect(valueOf(json, 'args', 'kwargs')).toBe(`[1,100,${BIG[0]}]`);
    await succeed(colony, executor, await assign(colony, executor), [1.5]);
    const process = await colony.submit({ args: [1.5, 'x'] }, 'worker');
    expect(process.spec.args).toEqual([1.5, 'x']);
  });
});

/** JSON as this server writes it, with integers of any length and texts that look like numbers. */
function values(): fc.Arbitrary<string> {
  const integer = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String);
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), integer, fc.constant('","n":12345678901234567890,"\\'));
  const { tree } = fc.letrec<{ tree: string; leaf: string; list: string; object: string }>((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('object')),
    leaf: fc.oneof(
      integer,
      text.map((value) => JSON.stringify(value)),
      fc.constantFrom('true', 'null', '0.5'),
    ),
    list: fc.array(tie('tree'), { maxLength: 4 }).map((elements) => `[${elements.join(',')}]`),
    object: fc
      .dictionary(
        text.filter((key) => !/^\d+$/u.test(key)),
        tie('tree'),
        { maxKeys: 4, noNullPrototype: true },
      )
      .map((members) =>
        JSON.stringify(Object.fromEntries(Object.keys(members).map((key, index) => [key, index]))).replaceAll(
          /:(\d)(?=[,}])/gu,
          (_match, index: string) => `:${Object.values(members)[Number(index)]}`,
        ),
      ),
  }));
  return tree;
}

const roundTrip = (json: string): string => toExactJson(parseMeasured(json, shapeOf(json)));

describe('exact JSON', () => {
  test.for([
    [
      '{"args":[1.0,1e2,-0.0,100000000000000000000,1.7976931348623157e308]}',
      '{"args":[1,100,0,100000000000000000000,1.7976931348623157e+308]}',
    ],
    ['{"out":[0.30000000000000004,1E-05,5e-324]}', '{"out":[0.30000000000000004,0.00001,5e-324]}'],
    ['{"out":[0.10000000000000000555,1000000000000000000000]}', '{"out":[0.1,1000000000000000000000]}'],
    ['{"in":[-9007199254740993],"__proto__":{"a":1},"n":[null]}', undefined],
    ['{"kwargs":{"__proto__":9007199254740993,"a":9007199254740993}}', undefined],
  ] as const)('%s keeps its meaning', ([json, written = json]) => {
    expect(roundTrip(json)).toBe(written);
  });

  test('numbers elsewhere are numbers like others', () => {
    expect(roundTrip('{"priority":9007199254740993}')).toBe('{"priority":9007199254740992}');
  });

  test('fractions and powers stay the doubles that they are', () => {
    const written = fc
      .double({ noDefaultInfinity: true, noNaN: true })
      .chain((value) => fc.constantFrom(String(value), value.toExponential(), value.toPrecision(17)));
    fc.assert(
      fc.property(written, (text) => {
        expect(JSON.parse(roundTrip(`{"out":[${text}]}`))).toEqual({ out: [Number(text) === 0 ? 0 : Number(text)] });
      }),
      { seed: 20_261_120 },
    );
  });

  test('integers keep their digits', () => {
    const short = fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n });
    const double = fc.double({ min: -1e300, max: 1e300, noNaN: true }).map((value) => BigInt(Math.trunc(value)));
    fc.assert(
      fc.property(fc.oneof(fc.bigInt(), short, double, fc.maxSafeInteger()), (integer) => {
        expect(roundTrip(`{"out":[${integer}]}`)).toBe(`{"out":[${integer}]}`);
      }),
      { seed: 20_261_120, numRuns: 1000 },
    );
  });

  test('texts are never changed', () => {
    fc.assert(
      fc.property(fc.json(), fc.json(), (one, other) => {
        const json = `{"args":[${one},${other},9007199254740993]}`;
        const plain = JSON.stringify(JSON.parse(`[${one},${other}]`)).slice(0, -1);
        expect(roundTrip(json)).toBe(`{"args":${plain},9007199254740993]}`);
      }),
      { seed: 20_261_120 },
    );
  });
});
