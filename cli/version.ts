import { defineCommand } from './command.ts';
import { packageVersion } from './framework/version.ts';

/** `colonies version` */
export const version = defineCommand({
  describe: 'Print the versions of this program and of what it runs on',
  async run() {
    const facts = {
      version: packageVersion(),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    };
    return { json: facts, show: (out) => out.facts(Object.entries(facts)) };
  },
});
