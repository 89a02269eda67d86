import {
  addGenerator,
  type Generator,
  getGenerator,
  getGenerators,
  packGenerator,
  removeGenerator,
  resolveGenerator,
} from '../../colony/messages/generators.ts';
import { packArg } from '../generators.ts';
import { type Call, faultTexts, type Handler, reads, type WireRequest, writes } from '../handler.ts';
import { MAX_GENERATOR_QUEUE, MAX_LIMIT_SECONDS, MAX_TRIGGERS } from '../limits.ts';
import { type Belonging, requireSay } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { member, requireMember, type RoleContext } from '../roles.ts';
import { countRoots, requireStorableWorkflow } from '../stored-workflow.ts';
import {
  countGenerators,
  deleteGenerator,
  findGenerator,
  findGeneratorByName,
  type GeneratorRow,
  insertGenerator,
  listGenerators,
  toGenerator,
} from '../store/generators.ts';
import { randomId } from '../store/values.ts';
import { requireName } from './names.ts';

const FAILURE = 'Failed to add generator';

/** Workflows that are submitted for every batch of texts. */
export const generatorHandlers: readonly Handler[] = [
  writes({
    message: addGenerator,
    texts: faultTexts(FAILURE, undefined, { generator: `${FAILURE}, msg.Generator is nil` }),
    screen: requireTrigger,
    role: ({ generator }, call) => requireMember(call, generator.colonyName),
    handle({ generator }, initiator, call) {
      const { colonyName, name } = generator;
      requireName(name, FAILURE);
      const spec = requireStorableWorkflow(call, generator.workflowSpec, { colonyName, initiator, failure: FAILURE });
      requireRoom(call, generator);
      const generatorId = randomId();
      insertGenerator(call.database, {
        generator_id: generatorId,
        colony_name: colonyName,
        name,
        initiator_id: initiator.id,
        initiator_name: initiator.name,
        workflow_spec: generator.workflowSpec,
        root_count: countRoots(spec),
        batch_size: generator.trigger,
        timeout_seconds: requireTimeout(generator),
      });
      return toGenerator(required(findGenerator(call.database, generatorId), 500, `${FAILURE}, addedGenerator is nil`));
    },
  }),
  reads({
    message: getGenerator,
    texts: faultTexts('Failed to get generator'),
    role: memberOfGenerator('Failed to get generator, generator is nil'),
    handle: (_request, { generator }, { facts }) => toGenerator(generator, facts.checkerPeriodMs),
  }),
  reads({
    message: resolveGenerator,
    texts: faultTexts('Failed to resolve generator'),
    role: member,
    handle({ colonyName, generatorName }, _member, { database }) {
      const found = findGeneratorByName(database, colonyName, generatorName);
      return toGenerator(required(found, 500, 'Failed to resolve generator, generator is nil'));
    },
  }),
  reads({
    message: getGenerators,
    texts: faultTexts('Failed to get generators'),
    role: member,
    handle: ({ colonyName, count }, _member, { database }) =>
      listGenerators(database, colonyName, Math.max(0, count)).map((row) => toGenerator(row)),
  }),
  writes({
    message: packGenerator,
    texts: faultTexts('Failed to inc generator', 'Failed to increment generator'),
    role: memberOfGenerator('Failed to increment generator, generator is nil'),
    handle: ({ arg }, { generator }, call) => packArg(call, generator, arg),
  }),
  writes({
    message: removeGenerator,
    texts: faultTexts('Failed to remove generator'),
    role: ({ generatorId }, call) => requireSay(call, belongingOf(call, generatorId)),
    handle: ({ generatorId }, _subject, { database }) => deleteGenerator(database, generatorId),
  }),
];

function belongingOf({ database }: Call, generatorId: string): Belonging {
  const generator = required(findGenerator(database, generatorId), 500, 'Failed to remove generator, generator is nil');
  return { colonyName: generator.colony_name, ownerIds: [generator.initiator_id], what: 'generator' };
}

function memberOfGenerator(
  notFound: string,
): (request: { readonly generatorId: string }, context: RoleContext) => { readonly generator: GeneratorRow } {
  return ({ generatorId }, context) => {
    const generator = required(findGenerator(context.database, generatorId), 500, notFound);
    requireMember(context, generator.colony_name);
    return { generator };
  };
}

/** Looked at before decoding, which would only say that something is wrong: 0 kills the official server for good. */
function requireTrigger({ generator }: WireRequest): void {
  const trigger: unknown = Object(generator).trigger;
  if (typeof trigger === 'number' && trigger >= 1 && trigger <= MAX_GENERATOR_QUEUE) return;
  throw new Refusal(
    400,
    `${FAILURE}, expected a trigger from 1 to ${MAX_GENERATOR_QUEUE}, got ${typeof trigger === 'number' ? trigger : 'none'}`,
  );
}

function requireTimeout({ timeoutSeconds }: Generator): number {
  if (timeoutSeconds <= MAX_LIMIT_SECONDS) return timeoutSeconds;
  throw new Refusal(
    400,
    `${FAILURE}, expected a timeout of at most ${MAX_LIMIT_SECONDS} seconds (100 years), got ${timeoutSeconds}; -1 means none`,
  );
}

function requireRoom({ database }: Call, { colonyName, name }: Generator): void {
  if (findGeneratorByName(database, colonyName, name) !== undefined) {
    throw new Refusal(400, `Generator with name <${name}> in Colony <${colonyName}> already exists`);
  }
  if (countGenerators(database, colonyName) >= MAX_TRIGGERS) {
    throw new Refusal(400, `${FAILURE}, expected at most ${MAX_TRIGGERS} generators in a colony; remove one`);
  }
}
