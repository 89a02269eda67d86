import { parseArgs } from 'node:util';
import { UserError } from '../../colony/errors.ts';
import { daemonMain } from '../daemon-main.ts';
import { type HospitalData, startHospital } from './daemon.ts';

const USAGE = 'usage: main.ts <executor type> <secret number>, or main.ts <executor type> --config <file.json>';

await daemonMain((environment, log) => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { config: { type: 'string' } } });
  const [executorType, secret, ...rest] = positionals;
  const data = chooseData(secret, values.config);
  if (executorType === undefined || data === undefined || rest.length > 0) throw new UserError(USAGE);
  return startHospital({ executorType, data, environment, log });
});

function chooseData(secret: string | undefined, configPath: string | undefined): HospitalData | undefined {
  if (secret !== undefined && configPath === undefined) return { secret };
  return secret === undefined && configPath !== undefined ? { configPath } : undefined;
}
