import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies workflow cancel` */
export const workflowCancel = defineCommand({
  describe: 'Cancel everything of a workflow that has not finished',
  positional: { workflowid: { type: 'string', describe: 'id of the workflow', required: true } },
  options: memberKey,
  examples: [['workflow cancel <workflowid>', 'finished nodes stay as they are']],
  async run({ workflowid: workflowId, prvkey }, context) {
    const { client } = await context.connect('member', { prvkey });
    await client.cancelWorkflow({ workflowId }).catch(unknownToServer(`workflow ${workflowId}`));
    return doneReport(`Workflow cancelled: ${workflowId}`, { workflowId });
  },
});
