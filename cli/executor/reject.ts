import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor reject` */
export const executorReject = defineExecutorChange({
  describe: 'Keep an executor from working',
  done: 'Executor rejected',
  example: ['executor reject r1', 'r1 gets no more work, until it is approved'],
  apply: (client, executor) => client.rejectExecutor(executor),
});
