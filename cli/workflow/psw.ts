import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow psw` */
export const workflowPsw = defineWorkflowList({
  command: 'psw',
  state: 'waiting',
  adjective: 'waiting',
  timeTitle: 'SUBMISSIONTIME (UTC)',
  time: 'submissionTime',
});
