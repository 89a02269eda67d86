import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';
import { generatorIdOf } from '../views/named.ts';

/** `colonies generator remove` */
export const generatorRemove = defineCommand({
  describe: 'Remove a generator, with the texts that wait in it',
  details: 'Workflows that it has submitted go on.',
  positional: { generatorid: { type: 'string', describe: 'id or name of the generator', required: true } },
  options: memberKey,
  examples: [['generator remove <generatorid>', 'it takes no more texts']],
  async run({ generatorid: named, prvkey }, context) {
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const generatorId = await generatorIdOf(connection, named);
    await client.removeGenerator({ generatorId }).catch(unknownToServer(`generator ${named}`));
    return doneReport(`Generator removed: ${generatorId}`, { generatorId });
  },
});
