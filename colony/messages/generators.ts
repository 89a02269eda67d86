import * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { field, integer, list, text, time, wireObject } from './wire.ts';

const generatorCodec = wireObject({
  generatorId: field('generatorid', text),
  initiatorId: field('initiatorid', text),
  initiatorName: field('initiatorname', text),
  colonyName: field('colonyname', text),
  name: field('name', text),
  /** JSON text of a workflow spec, with its colony's name. */
  workflowSpec: field('workflowspec', text),
  /** How many texts make a batch. 0 crashes the official server, again after every restart: it is not sent. */
  trigger: field('trigger', z.number().int().min(1)),
  timeoutSeconds: field('timeout', integer),
  firstPack: field('firstpack', time),
  lastRun: field('lastrun', time),
  queueSize: field('queuesize', integer),
  checkerPeriodMs: field('checkerperiod', integer),
});
/** A workflow that the server submits for every batch of texts packed into it. */
export interface Generator extends z.output<typeof generatorCodec> {}
/** @see {@link Generator} */
export const Generator: z.ZodType<Generator> = generatorCodec;

const colonyName = field('colonyname', text);
const generatorId = field('generatorid', text);

/** Adds a generator. Role: member. */
export const addGenerator = defineMessage('addgeneratormsg', { generator: field('generator', Generator) }, Generator);
/** One generator. Role: member. */
export const getGenerator = defineMessage('getgeneratormsg', { generatorId }, Generator);
/** Generators of a colony. Role: member. */
export const getGenerators = defineMessage(
  'getgeneratorsmsg',
  { colonyName, count: field('count', integer) },
  list(Generator),
);
/** One generator by name. Role: member. */
export const resolveGenerator = defineMessage(
  'resolvegeneratormsg',
  { colonyName, generatorName: field('generatorname', text) },
  Generator,
);
/** Adds a text to a generator's queue. Role: member. */
export const packGenerator = defineMessage('packgeneratormsg', { generatorId, arg: field('arg', text) }, Nothing);
/** Removes a generator. Role: member. */
export const removeGenerator = defineMessage('removegeneratormsg', { generatorId }, Nothing);
