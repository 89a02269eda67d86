import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow psw` */
export const workflowPsw = defineWorkflowList({
  state: 'waiting',
  adjective: 'waiting',
  timeTitle: 'SUBMISSIONTIME (UTC)',
  time: 'submissionTime',
});
