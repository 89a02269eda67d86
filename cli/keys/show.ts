import { resolve } from 'node:path';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import {
  exists,
  explainRefusal,
  loadPrivateKey,
  loadPublicKey,
  PRIVATE_KEY_FILE,
  PUBLIC_KEY_FILE,
} from '../key-files.ts';

/** `colonies keys show` */
export const keysShow = defineCommand({
  describe: 'Print what may be known of the local Paillier key pair, and check it',
  examples: [['keys show', 'the id by which hospitals accept the key']],
  options: {
    dir: { type: 'string', describe: 'directory of the files', default: '.' },
  },
  async run({ dir }, context) {
    const directory = resolve(context.io.cwd, dir);
    const [publicKeyPath, privateKeyPath] = [resolve(directory, PUBLIC_KEY_FILE), resolve(directory, PRIVATE_KEY_FILE)];
    const { publicKeyFromModulus, keyId } = await import('../../crypto/paillier/keys.ts');
    const { n, blum } = await loadPublicKey(publicKeyPath);
    const publicKey = await explainRefusal(publicKeyPath, () =>
      publicKeyFromModulus(n, { minimumBits: SHORTEST_BITS }),
    );
    const hasPrivateKey = await exists(privateKeyPath);
    if (hasPrivateKey) await checkPrivateKey(privateKeyPath, n, context.say);
    const facts = {
      publicKeyPath,
      bits: publicKey.bitLength,
      keyId: keyId(publicKey),
      blum: blum === true,
      hasPrivateKey,
    };
    return {
      json: facts,
      show: (out) =>
        out.facts([
          ['PublicKey', publicKeyPath],
          ['PrivateKey', hasPrivateKey ? privateKeyPath : 'none'],
          ['Bits', String(facts.bits)],
          ['KeyId', facts.keyId],
          ['Blum', facts.blum ? 'yes' : 'not stated'],
        ]),
    };
  },
});

/** Short keys are shown, too; daemons refuse them. */
const SHORTEST_BITS = 256;

async function checkPrivateKey(path: string, n: bigint, say: (message: string) => void): Promise<void> {
  const { p, q } = await loadPrivateKey(path, say);
  if (p * q === n) return;
  throw new UserError(
    `${path}: expected the private key of ${PUBLIC_KEY_FILE}, got that of another key; they are no pair`,
  );
}
