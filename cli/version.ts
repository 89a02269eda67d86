import { defineCommand } from './command.ts';
import { packageVersion } from './framework/version.ts';

/** `colonies version` */
export const version = defineCommand({
  describe: 'Print the versions of this program and of what it runs on',
  examples: [['version --json', 'for a report of a bug']],
  async run() {
    const { describeEngine } = await import('../crypto/paillier/index.ts');
    const engine = describeEngine();
    const facts = {
      version: packageVersion(),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    };
    const arithmetic = `${engine.name}${engine.forced ? ' (forced)' : ''}, ${engine.threads} threads`;
    return { json: { ...facts, engine }, show: (out) => out.facts(Object.entries({ ...facts, arithmetic })) };
  },
});
