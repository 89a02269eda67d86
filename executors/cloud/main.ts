import { UserError } from '../../colony/errors.ts';
import { daemonMain } from '../daemon-main.ts';
import { startCloud } from './daemon.ts';

await daemonMain((environment, log) => {
  const [executorType, ...rest] = process.argv.slice(2);
  if (rest.length > 0) throw new UserError('usage: main.ts [executor type]');
  return startCloud({ executorType, environment, log });
});
