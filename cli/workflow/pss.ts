import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow pss` */
export const workflowPss = defineWorkflowList({
  command: 'pss',
  state: 'success',
  adjective: 'successful',
  timeTitle: 'ENDTIME (UTC)',
  time: 'endTime',
});
