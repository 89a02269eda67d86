import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Attribute } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { openWorld, UNKNOWN_ID, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const newAttribute = (targetid: string) => ({ targetid, key: 'k', value: 'v', attributetype: 1 });

async function addAttribute(place: World) {
  const { processid } = await place.running();
  return place.must('executor', 'addattributemsg', { attribute: newAttribute(processid) }, Attribute);
}

const noProcess: Expectation = [404, 'Failed to add attribute, process not found'];

const rows: readonly MessageRow[] = [
  {
    type: 'addattributemsg',
    audience: 'member',
    by: 'executor',
    request: async (place) => ({ attribute: newAttribute((await place.running()).processid) }),
    reply: Attribute,
    texts: textsOf('Failed to add attribute'),
    roles: {
      user: [403, /^403 Failed to add attribute, only executor with id <[0-9a-f]{64}> is allowed to set attributes$/u],
    },
    missing: {
      attribute: differs('a message without its object cannot be read', {
        official: noProcess,
        here: [400, 'Failed to add attribute, invalid JSON'],
      }),
    },
    cases: {
      'refuses an unknown process': { change: { attribute: newAttribute(UNKNOWN_ID) }, expect: noProcess },
      'refuses a process that is not running': {
        change: async (place) => ({ attribute: newAttribute((await place.submit()).processid) }),
        expect: [403, 'Failed to add attribute, process is not running'],
      },
      'refuses the same key and type twice': {
        change: async (place) => ({ attribute: newAttribute((await addAttribute(place)).targetid) }),
        expect: differs('our own words', {
          official: [400, /^400 pq: duplicate key value violates unique constraint/u],
          here: [400, 'Failed to add attribute, the process has one with key <k> already'],
        }),
      },
    },
  },
  {
    type: 'getattributemsg',
    audience: 'member',
    request: async (place) => ({ attributeid: (await addAttribute(place)).attributeid }),
    reply: Attribute,
    texts: textsOf('Failed to get attribute'),
    missing: { attributeid: [400, 'Attribute does not exists'] },
    cases: {
      'refuses an unknown id': { change: { attributeid: UNKNOWN_ID }, expect: [400, 'Attribute does not exists'] },
    },
  },
];

conformsTo(() => world, rows);

test('the id of an attribute follows from process, key and type', async () => {
  const { attributeid, targetid } = await addAttribute(world);
  expect(attributeid).toBe(createHash('sha3-256').update(`${targetid}k1`).digest('hex'));
});

test('an attribute keeps what it was sent with, and belongs to its process', async () => {
  const added = await addAttribute(world);
  expect(added).toMatchObject({
    key: 'k',
    value: 'v',
    attributetype: 1,
    targetcolonyname: '',
    targetprocessgraphid: '',
  });
  const { attributes } = await world.process(added.targetid);
  expect(attributes).toMatchObject([{ attributeid: added.attributeid, key: 'k' }]);
  await world.do('executor', 'closesuccessfulmsg', { processid: added.targetid, out: [] });
  const read = await world.must('user', 'getattributemsg', { attributeid: added.attributeid }, Attribute);
  expect(read).toMatchObject({ state: 2, value: 'v' });
});

test('the environment of a process becomes attributes', async () => {
  const { processid, attributes, spec } = await world.submit({ env: { X: '1' } });
  expect(spec.env).toEqual({ X: '1' });
  expect(attributes).toEqual([
    {
      attributeid: createHash('sha3-256').update(`${processid}X3`).digest('hex'),
      targetid: processid,
      targetcolonyname: world.colonyName,
      targetprocessgraphid: '',
      state: 0,
      attributetype: 3,
      key: 'X',
      value: '1',
    },
  ]);
});
