import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies workflow remove` */
export const workflowRemove = defineCommand({
  describe: 'Remove a workflow that is not running, with its processes',
  positional: { workflowid: { type: 'string', describe: 'id of the workflow', required: true } },
  options: memberKey,
  examples: [['workflow remove <workflowid>', 'with the outputs and logs of its processes']],
  async run({ workflowid: workflowId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.removeWorkflow({ workflowId }).catch(unknownToServer(`workflow ${workflowId}`));
    return doneReport(`Workflow removed: ${workflowId}`, { workflowId });
  },
});
