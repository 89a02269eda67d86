import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { lineReport } from '../framework/report.ts';

/** `colonies security id` */
export const securityId = defineCommand({
  describe: 'Print the id that belongs to a private key',
  options: memberKey,
  examples: [['security id --prvkey <key>', 'the id of that key; without the flag, of COLONIES_PRVKEY']],
  async run(args, context) {
    const { requireIdentity } = await import('../../colony/environment.ts');
    const { id } = requireIdentity(await context.environment(args));
    return lineReport(id, { id });
  },
});
