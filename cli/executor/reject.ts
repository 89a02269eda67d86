import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor reject` */
export const executorReject = defineExecutorChange({
  describe: 'Keep an executor from working',
  done: 'Executor rejected',
  apply: (client, executor) => client.rejectExecutor(executor),
});
