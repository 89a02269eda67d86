import { createRequire } from 'node:module';
import { defineCommand } from './command.ts';

/** `colonies version` */
export const version = defineCommand({
  describe: 'Print the versions of this program and of what it runs on',
  async run() {
    const facts = {
      version: packageVersion(),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    };
    return { json: facts, show: (terminal) => terminal.facts(Object.entries(facts)) };
  },
});

function packageVersion(): string {
  const description: unknown = createRequire(import.meta.url)('sealed-colonies/package.json');
  if (typeof description !== 'object' || description === null || !('version' in description)) return 'unknown';
  return String(description.version);
}
