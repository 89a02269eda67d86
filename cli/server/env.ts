import { resolve } from 'node:path';
import { developmentDirectory, loadDevelopmentColony, toExportLines } from '../../colony/development-colony.ts';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';

/** `colonies server env` */
export const serverEnv = defineCommand({
  describe: 'Print the development colony as "export COLONIES_...=..." lines, private keys included',
  options: {
    datadir: {
      type: 'string',
      describe: 'directory of the colony (default: $SEALED_COLONIES_HOME or ~/.sealed-colonies)',
    },
  },
  examples: [['server env > colony.env', 'for "source colony.env", then the official tools work with the same colony']],
  async run({ datadir }, { io }) {
    const directory = datadir === undefined ? developmentDirectory(io.env) : resolve(io.cwd, datadir);
    const colony = loadDevelopmentColony(directory);
    if (colony === undefined) {
      throw new UserError(
        `${directory}: expected a development colony, got none; make one with "colonies server start"`,
      );
    }
    const lines = toExportLines(colony);
    const pairs = lines.map((line) => line.replace(/^export /u, '').split('='));
    return {
      json: Object.fromEntries(pairs),
      show(out) {
        for (const line of lines) out.line(line);
      },
    };
  },
});
