import { resolve } from 'node:path';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import type { Report } from '../framework/report.ts';
import { explainRefusal, refuseExistingKeyPair, saveKeyPair } from '../key-files.ts';

/** Executors accept no shorter keys. */
const LEAST_BITS = 2048;

/** `colonies keys generate` */
export const keysGenerate = defineCommand({
  describe: 'Generate a Paillier key pair: public_key.b64 for workflows, private_key.b64 to read results',
  details:
    'Whoever has private_key.b64 can read every result; only its owner may read the file. The files have the form of the Python example.',
  options: {
    bits: {
      type: 'number',
      describe: 'length of the modulus in bits, even',
      default: 3072,
      minimum: 256,
    },
    out: { type: 'string', describe: 'directory for the files', default: '.' },
    force: { type: 'boolean', describe: 'overwrite existing files; what they encrypted can never be read again' },
    'allow-short-key': {
      type: 'boolean',
      describe: 'accept fewer than 2048 bits, for tests only: such keys can be broken',
    },
  },
  examples: [['keys generate', 'a key pair of 3072 bits in this directory']],
  async run({ bits, out: directory, force, allowShortKey }, context): Promise<Report> {
    if (bits < LEAST_BITS && !allowShortKey) {
      throw new UserError(
        `--bits: expected at least ${LEAST_BITS}, got ${bits}; shorter keys can be broken: for tests there is --allow-short-key`,
      );
    }
    const path = resolve(context.io.cwd, directory);
    // Before the primes are searched, which takes seconds.
    if (!force) await refuseExistingKeyPair(path);
    const { generateKeyPair, keyId, primesOf } = await import('../../crypto/paillier/keys.ts');
    const keyPair = await explainRefusal('--bits', () => generateKeyPair({ keyBits: bits, allowShortKey }));
    const { publicKeyPath, privateKeyPath } = await saveKeyPair(path, await primesOf(keyPair.privateKey), {
      overwrite: force,
    });
    const id = keyId(keyPair.publicKey);
    return {
      json: { publicKeyPath, privateKeyPath, bits, keyId: id },
      show(out, talk) {
        out.facts([
          ['PublicKey', publicKeyPath],
          ['PrivateKey', privateKeyPath],
          ['Bits', String(bits)],
          ['KeyId', id],
        ]);
        talk.line('Keep the private key secret and safe: without it no result can be read.');
      },
    };
  },
});
