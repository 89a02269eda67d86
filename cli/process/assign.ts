import { isNothingToAssign } from '../../colony/client.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { doneReport, madeReport } from '../framework/report.ts';

/** `colonies process assign` */
export const processAssign = defineCommand({
  describe: 'Take the next process that an executor may run; needs the key of the executor',
  details: [
    'For executors written as shell scripts. Prints the id of the process, which then runs until "process close" or "process fail".',
    'When nothing comes in time, prints nothing (null with --json) and ends with exit code 0.',
  ].join('\n'),
  options: {
    timeout: { type: 'number', describe: 'seconds to wait for a process', default: 100, minimum: 1, maximum: 3600 },
    ...memberKey,
  },
  examples: [['process assign --timeout 10 --prvkey <key>', 'wait up to ten seconds for work']],
  async run({ timeout, prvkey }, context) {
    const { Process } = await import('../../colony/messages/processes.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey });
    try {
      const process = await client.assignProcess(
        { colonyName, timeoutSeconds: timeout, availableCpu: '', availableMemory: '' },
        { signal: context.io.signal },
      );
      return madeReport(`Process assigned: ${process.spec.functionName}`, process.processId, toWire(Process, process));
    } catch (thrown) {
      if (!isNothingToAssign(thrown)) throw thrown;
      return doneReport('No process available for assignment', null);
    }
  },
});
