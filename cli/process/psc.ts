import { defineProcessList } from '../views/process-list.ts';

/** `colonies process psc` */
export const processPsc = defineProcessList({
  command: 'psc',
  state: 'cancelled',
  adjective: 'cancelled',
  timeTitle: 'END TIME (UTC)',
  time: 'endTime',
});
