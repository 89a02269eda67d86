import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { factsReport } from '../framework/report.ts';

/** `colonies attribute get` */
export const attributeGet = defineCommand({
  describe: 'Print an attribute of a process',
  positional: { attributeid: { type: 'string', describe: 'id of the attribute', required: true } },
  options: memberKey,
  examples: [['attribute get <attributeid>', 'its process, key and value; "process get --json" tells the ids']],
  async run({ attributeid: attributeId, prvkey }, context) {
    const { Attribute } = await import('../../colony/messages/processes.ts');
    const { kindOf } = await import('../views/attributes.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('member', { prvkey });
    const attribute = await client.getAttribute({ attributeId }).catch(unknownToServer(`attribute ${attributeId}`));
    return factsReport(toWire(Attribute, attribute), [
      ['AttributeId', attribute.attributeId],
      ['ProcessId', attribute.processId],
      ['Key', attribute.key],
      ['Value', attribute.value],
      ['Type', kindOf(attribute)],
    ]);
  },
});
