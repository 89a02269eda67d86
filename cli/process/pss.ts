import { defineProcessList } from '../views/process-list.ts';

/** `colonies process pss` */
export const processPss = defineProcessList({
  command: 'pss',
  state: 'success',
  adjective: 'successful',
  timeTitle: 'END TIME (UTC)',
  time: 'endTime',
});
