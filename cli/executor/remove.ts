import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor remove` */
export const executorRemove = defineExecutorChange({
  describe: 'Unregister an executor and put what it was running back into the queue',
  done: 'Executor removed',
  apply: (client, executor) => client.removeExecutor(executor),
});
