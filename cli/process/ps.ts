import { defineProcessList } from '../views/process-list.ts';

/** `colonies process ps` */
export const processPs = defineProcessList({
  command: 'ps',
  state: 'running',
  adjective: 'running',
  timeTitle: 'START TIME (UTC)',
  time: 'startTime',
});
