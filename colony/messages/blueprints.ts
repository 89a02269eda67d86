import * as z from 'zod';
import { defineMessage } from './message.ts';
import { field, list, text } from './wire.ts';

/** Declarative deployments. Our servers have none, so they stay as they come. */
const Blueprint = z.looseObject({});

/** All blueprints of a colony (the namespace), of one kind and place where these are given. Role: member or colony owner. */
export const getBlueprints = defineMessage(
  'getblueprintsmsg',
  { colonyName: field('namespace', text), kind: field('kind', text), locationName: field('locationname', text) },
  list(Blueprint),
);
/** All kinds of blueprints of a colony. Role: member or colony owner. */
export const getBlueprintDefinitions = defineMessage(
  'getblueprintdefinitionsmsg',
  { colonyName: field('colonyname', text) },
  list(Blueprint),
);
