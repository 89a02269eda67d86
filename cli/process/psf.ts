import { defineProcessList } from '../views/process-list.ts';

/** `colonies process psf` */
export const processPsf = defineProcessList({
  state: 'failed',
  adjective: 'failed',
  timeTitle: 'END TIME (UTC)',
  time: 'endTime',
});
