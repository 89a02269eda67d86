import { defineProcessList } from '../views/process-list.ts';

/** `colonies process psf` */
export const processPsf = defineProcessList({
  command: 'psf',
  state: 'failed',
  adjective: 'failed',
  timeTitle: 'END TIME (UTC)',
  time: 'endTime',
});
