import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies generator pack` */
export const generatorPack = defineCommand({
  describe: 'Put a text into the queue of a generator',
  positional: {
    generatorid: { type: 'string', describe: 'id of the generator', required: true },
    arg: { type: 'string', describe: 'the text', required: true },
  },
  options: memberKey,
  examples: [['generator pack <generatorid> patient-17', 'an argument of the next batch']],
  async run({ generatorid: generatorId, arg, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.packGenerator({ generatorId, arg }).catch(unknownToServer(`generator ${generatorId}`));
    return doneReport(`Packed into generator: ${generatorId}`, { generatorId, arg });
  },
});
