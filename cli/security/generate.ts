import { defineCommand } from '../command.ts';

/** `colonies security generate` */
export const securityGenerate = defineCommand({
  describe: 'Generate a private key for a user, an executor, a colony or a server',
  details: 'The private key is printed, because it is stored nowhere. Keep it secret; the id is public.',
  examples: [['security generate --json', 'as a JSON document']],
  async run() {
    const { generateIdentity } = await import('../../colony/identity.ts');
    const { id, privateKey } = generateIdentity();
    return {
      json: { id, privateKey },
      show: (out) =>
        out.facts([
          ['Id', id],
          ['PrivateKey', privateKey],
        ]),
    };
  },
});
