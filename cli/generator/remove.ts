import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies generator remove` */
export const generatorRemove = defineCommand({
  describe: 'Remove a generator, with the texts that wait in it',
  details: 'Workflows that it has submitted go on.',
  positional: { generatorid: { type: 'string', describe: 'id of the generator', required: true } },
  options: memberKey,
  examples: [['generator remove <generatorid>', 'it takes no more texts']],
  async run({ generatorid: generatorId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.removeGenerator({ generatorId }).catch(unknownToServer(`generator ${generatorId}`));
    return doneReport(`Generator removed: ${generatorId}`, { generatorId });
  },
});
