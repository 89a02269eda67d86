import type { Group } from './framework/parser.ts';

/** Every command of `colonies`: the path here is its name and the path of its file. Modules are read when asked for. */
export const COMMANDS: Group = {
  describe: 'Compute together on data that nobody shows',
  commands: {
    security: {
      describe: 'Make Colonies identities',
      commands: {
        generate: async () => (await import('./security/generate.ts')).securityGenerate,
        id: async () => (await import('./security/id.ts')).securityId,
      },
    },
    version: async () => (await import('./version.ts')).version,
  },
};
