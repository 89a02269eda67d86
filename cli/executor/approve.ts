import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor approve` */
export const executorApprove = defineExecutorChange({
  describe: 'Let an executor work',
  done: 'Executor approved',
  example: ['executor approve r1', 'from now on r1 gets work'],
  apply: (client, executor) => client.approveExecutor(executor),
});
