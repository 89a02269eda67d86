import { defineProcessList } from '../views/process-list.ts';

/** `colonies process psw` */
export const processPsw = defineProcessList({
  command: 'psw',
  state: 'waiting',
  adjective: 'waiting',
  timeTitle: 'SUBMISSION TIME (UTC)',
  time: 'submissionTime',
});
