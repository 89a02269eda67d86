import type { Generator } from '../../colony/messages/generators.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { formatDuration, formatMoment } from '../framework/text.ts';
import { generatorIdOf } from '../views/named.ts';

/** `colonies generator get` */
export const generatorGet = defineCommand({
  describe: 'Print everything about a generator',
  positional: { generatorid: { type: 'string', describe: 'id or name of the generator', required: true } },
  options: memberKey,
  examples: [['generator get <generatorid>', 'how many texts wait, and the workflow that it submits']],
  async run({ generatorid: named, prvkey }, context) {
    const { Generator: codec } = await import('../../colony/messages/generators.ts');
    const { showWorkflowTemplate } = await import('../views/workflow-template.ts');
    const { toWire } = await import('../views/wire.ts');
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const generatorId = await generatorIdOf(connection, named);
    const generator = await client.getGenerator({ generatorId }).catch(unknownToServer(`generator ${named}`));
    return {
      json: toWire(codec, generator),
      show(out) {
        out.facts(generatorFacts(generator));
        showWorkflowTemplate(generator.workflowSpec, out);
      },
    };
  },
});

function generatorFacts(generator: Generator): [string, string][] {
  const { timeoutSeconds } = generator;
  return [
    ['GeneratorId', generator.generatorId],
    ['Name', generator.name],
    ['Colony', generator.colonyName],
    ['Initiator', generator.initiatorName || generator.initiatorId],
    ['Trigger', String(generator.trigger)],
    ['Timeout', timeoutSeconds <= 0 ? 'never' : `${timeoutSeconds} s`],
    ['FirstPack', formatMoment(generator.firstPack)],
    ['LastRun', formatMoment(generator.lastRun)],
    ['QueueSize', String(generator.queueSize)],
    ['CheckerPeriod', formatDuration(generator.checkerPeriodMs)],
  ];
}
