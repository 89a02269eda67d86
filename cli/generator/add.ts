import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { madeReport } from '../framework/report.ts';
import { loadWorkflow, workflowFileOptions, workflowToText } from '../views/workflow-file.ts';

/** `colonies generator add` */
export const generatorAdd = defineCommand({
  describe: 'Let the server submit a workflow for every batch of texts packed into a generator',
  details:
    'The texts of a batch are the arguments of the first nodes of the workflow. The file is checked as by "workflow submit". Prints the id of the generator.',
  options: {
    name: { type: 'string', describe: 'name of the generator, unique in the colony', required: true },
    ...workflowFileOptions,
    trigger: { type: 'number', describe: 'how many texts make a batch', required: true, minimum: 1 },
    timeout: {
      type: 'number',
      describe: 'seconds after which a batch goes although it is not full; -1: never',
      default: -1,
      minimum: -1,
    },
    ...memberKey,
  },
  examples: [
    ['generator add --name sums --trigger 10 --timeout 60 --spec workflow.json', 'ten at a time, or every minute'],
  ],
  async run(args, context) {
    const { Generator } = await import('../../colony/messages/generators.ts');
    const { toWire } = await import('../views/wire.ts');
    const { decode } = await import('zod');
    const { colonyName: ownColony } = await context.environment(args);
    const spec = await loadWorkflow(args, ownColony, context);
    const { client, colonyName } = await context.connect('member', args);
    const { name, trigger, timeout } = args;
    const wanted = { colonyname: colonyName, name, trigger, timeout, workflowspec: workflowToText(spec) };
    const generator = await client.addGenerator({ generator: decode(Generator, wanted) });
    return madeReport(`Generator added: ${generator.name}`, generator.generatorId, toWire(Generator, generator));
  },
});
