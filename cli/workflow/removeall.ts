import { defineRemoveAll } from '../views/removal.ts';

/** `colonies workflow removeall` */
export const workflowRemoveAll = defineRemoveAll({
  group: 'workflow',
  plural: 'workflows',
  details: 'Their processes go with them. Without a state, running workflows are removed, too.',
  remove: (client, request) => client.removeAllWorkflows(request),
});
