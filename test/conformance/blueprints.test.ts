import { afterAll, beforeAll } from 'vitest';
import * as z from 'zod';
import { list } from './shapes.ts';
import { conformsTo, type MessageRow, textsOf } from './table.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** The embedded server has no blueprints; in a new colony the official one has none either. */
const rows: readonly MessageRow[] = [
  {
    type: 'getblueprintsmsg',
    audience: 'colonyOwner',
    request: ({ colonyName }) => ({ namespace: colonyName, kind: '', locationname: '' }),
    reply: list(z.never()),
    texts: textsOf('Failed to get blueprints'),
    roles: { user: 'answered', executor: 'answered' },
    missing: {
      namespace: [403, 'Empty Colony name'],
      kind: 'answered',
      locationname: 'answered',
    },
  },
  {
    type: 'getblueprintdefinitionsmsg',
    audience: 'colonyOwner',
    request: ({ colonyName }) => ({ colonyname: colonyName }),
    reply: z.array(z.never()),
    texts: textsOf('Failed to get blueprint definitions'),
    roles: { user: 'answered', executor: 'answered' },
    missing: { colonyname: [403, 'Empty Colony name'] },
  },
];

conformsTo(() => world, rows);
