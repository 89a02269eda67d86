import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow psf` */
export const workflowPsf = defineWorkflowList({
  command: 'psf',
  state: 'failed',
  adjective: 'failed',
  timeTitle: 'ENDTIME (UTC)',
  time: 'endTime',
});
