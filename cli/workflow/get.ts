import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';

/** `colonies workflow get` */
export const workflowGet = defineCommand({
  describe: 'Print a workflow and the state of its nodes',
  positional: { workflowid: { type: 'string', describe: 'id of the workflow', required: true } },
  options: memberKey,
  examples: [['workflow get <workflowid>', 'which node runs where, and what went wrong']],
  async run({ workflowid: workflowId, prvkey }, context) {
    const { Process } = await import('../../colony/messages/processes.ts');
    const { Workflow } = await import('../../colony/messages/workflows.ts');
    const { getNodes, showWorkflow } = await import('../views/workflow.ts');
    const { listToWire, toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('member', { prvkey });
    const workflow = await client.getWorkflow({ workflowId }).catch(unknownToServer(`workflow ${workflowId}`));
    const nodes = await getNodes(client, workflow.processIds, context.io.signal);
    return {
      json: { workflow: toWire(Workflow, workflow), processes: listToWire(Process, nodes) },
      show: (out) => showWorkflow(workflow, nodes, out),
    };
  },
});
