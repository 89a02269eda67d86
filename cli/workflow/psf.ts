import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow psf` */
export const workflowPsf = defineWorkflowList({
  state: 'failed',
  adjective: 'failed',
  timeTitle: 'ENDTIME (UTC)',
  time: 'endTime',
});
