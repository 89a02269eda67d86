import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';
import { generatorIdOf } from '../views/named.ts';

/** `colonies generator pack` */
export const generatorPack = defineCommand({
  describe: 'Put a text into the queue of a generator',
  positional: {
    generatorid: { type: 'string', describe: 'id or name of the generator', required: true },
    arg: { type: 'string', describe: 'the text', required: true },
  },
  options: memberKey,
  examples: [['generator pack <generatorid> patient-17', 'an argument of the next batch']],
  async run({ generatorid: named, arg, prvkey }, context) {
    const connection = await context.connect('member', { prvkey });
    const { client } = connection;
    const generatorId = await generatorIdOf(connection, named);
    await client.packGenerator({ generatorId, arg }).catch(unknownToServer(`generator ${named}`));
    return doneReport(`Packed into generator: ${generatorId}`, { generatorId, arg });
  },
});
