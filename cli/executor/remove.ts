import { defineExecutorChange } from '../views/executor-change.ts';

/** `colonies executor remove` */
export const executorRemove = defineExecutorChange({
  describe: 'Unregister an executor and put what it was running back into the queue',
  done: 'Executor removed',
  example: ['executor remove r1', 'somebody else does what r1 was doing'],
  apply: (client, executor) => client.removeExecutor(executor),
});
