import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor approve` */
export const executorApprove = defineExecutorChange({
  describe: 'Let an executor work',
  done: 'Executor approved',
  apply: (client, executor) => client.approveExecutor(executor),
});
