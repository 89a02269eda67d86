import { defineCommand, UsageError } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { madeReport } from '../framework/report.ts';
import { loadWorkflow, workflowFileOptions, workflowToText } from '../views/workflow-file.ts';

const NO_INTERVAL = -1;

/** `colonies cron add` */
export const cronAdd = defineCommand({
  describe: 'Let the server submit a workflow again and again',
  details: [
    'The time is either an expression of six fields (second, minute, hour, day of the month, month, day of the week), or an interval. The file is checked as by "workflow submit".',
    'What the last nodes of one run put out is the input of the first nodes of the next. Prints the id of the cron.',
  ].join('\n'),
  options: {
    name: { type: 'string', describe: 'name of the cron, unique in the colony', required: true },
    ...workflowFileOptions,
    cron: { type: 'string', describe: 'when: sec min hour day month weekday, in UTC unless it begins with TZ=...' },
    interval: { type: 'number', describe: 'seconds between two runs; -1: none', default: NO_INTERVAL, minimum: -1 },
    random: { type: 'boolean', describe: 'at random times, about as often as the interval says' },
    waitprevious: { type: 'boolean', describe: 'leave runs out while the one before has not finished' },
    ...memberKey,
  },
  examples: [
    ['cron add --name nightly --cron "0 30 2 * * *" --spec workflow.json', 'every night at half past two'],
    ['cron add --name often --interval 60 --waitprevious --spec workflow.json', 'every minute, never two at a time'],
  ],
  async run(args, context) {
    const { Cron } = await import('../../colony/messages/crons.ts');
    const { toWire } = await import('../views/wire.ts');
    const { decode } = await import('zod');
    requireTime(args);
    const { colonyName: ownColony } = await context.environment(args);
    const spec = await loadWorkflow(args, ownColony, context);
    const { client, colonyName } = await context.connect('member', args);
    const wanted = decode(Cron, { colonyname: colonyName, name: args.name, workflowspec: workflowToText(spec) });
    const cron = await client.addCron({
      cron: {
        ...wanted,
        cronExpression: args.cron ?? '',
        intervalSeconds: args.interval,
        random: args.random,
        waitForPreviousWorkflow: args.waitprevious,
      },
    });
    return madeReport(`Cron added: ${cron.name}`, cron.cronId, toWire(Cron, cron));
  },
});

interface TimeArguments {
  readonly cron: string | undefined;
  readonly interval: number;
  readonly random: boolean;
}

function requireTime({ cron, interval, random }: TimeArguments): void {
  const path = ['cron', 'add'];
  const hasInterval = interval > 0;
  if (interval === 0) throw new UsageError('--interval: expected -1 or at least 1 second, got 0', path);
  if (hasInterval === (cron !== undefined)) throw new UsageError('expected either --cron or --interval', path);
  if (random && !hasInterval) throw new UsageError('--random: expected --interval with it', path);
}
