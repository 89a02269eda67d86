import { defineWorkflowList } from '../views/workflow-list.ts';

/** `colonies workflow ps` */
export const workflowPs = defineWorkflowList({
  command: 'ps',
  state: 'running',
  adjective: 'running',
  timeTitle: 'STARTTIME (UTC)',
  time: 'startTime',
});
