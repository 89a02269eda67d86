import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow psc` */
export const workflowPsc = defineWorkflowList({
  command: 'psc',
  state: 'cancelled',
  adjective: 'cancelled',
  timeTitle: 'ENDTIME (UTC)',
  time: 'endTime',
});
