import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { madeReport } from '../framework/report.ts';

/** `colonies attribute add` */
export const attributeAdd = defineCommand({
  describe: 'Attach a key and a value to a running process; needs the key of the executor that runs it',
  details: 'Prints the id of the attribute. A key can be used once per process.',
  positional: { processid: { type: 'string', alias: 'p', describe: 'id of the process', required: true } },
  options: {
    key: { type: 'string', describe: 'key of the attribute', required: true },
    value: { type: 'string', describe: 'value of the attribute', required: true },
    ...memberKey,
  },
  examples: [['attribute add <processid> --key model --value v2', 'note which model the process used']],
  async run({ processid: processId, key, value, prvkey }, context) {
    const { Attribute } = await import('../../colony/messages/processes.ts');
    const { OUTPUT_ATTRIBUTE } = await import('../views/attributes.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey });
    const attribute = await client
      .addAttribute({
        attribute: {
          attributeId: '',
          processId,
          colonyName,
          workflowId: '',
          state: 0,
          attributeType: OUTPUT_ATTRIBUTE,
          key,
          value,
        },
      })
      .catch(unknownToServer(`process ${processId}`));
    return madeReport(`Attribute added: ${key}`, attribute.attributeId, toWire(Attribute, attribute));
  },
});
