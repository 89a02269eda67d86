import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { PrivateKey, PublicKey } from 'paillier-bigint';
import { bigIntToBytes, byteLength, bytesToBigInt, elementAt, fromBigInts } from '../modular/bytes.ts';
import { mod, modInverse, modPower } from '../modular/number-theory.ts';
import { OpenSslPower } from '../modular/openssl.ts';
import { primesOf } from './keys.ts';

/**
 * A proof that gcd(n, φ(n)) = 1, without interaction: n-th roots modulo n of numbers that follow from n by a hash. Goldberg,
 * Reyzin, Sagga, Baldimtsi, "Efficient Noninteractive Certification of RSA Moduli and Beyond" (ASIACRYPT 2019), §3.2.
 *
 * If it does not hold, a prime factor r of n divides φ(n), and at most one number in r has an n-th root; as r > 2^16 is seen
 * from n, {@link ROOTS} roots exist with probability 2^-128 at most (random oracle). The roots tell nothing else: whoever
 * chooses them first gets numbers that look as random.
 *
 * What it is good for: only if it holds is a ciphertext (1 + n)^m·rⁿ with uniform m and r independent of whatever was
 * multiplied into it. Otherwise numbers exist modulo n² that no mask covers, and an owner who gives them out as ciphertexts
 * reads from them what others computed with them.
 */

const ROOTS = 8;
const DOMAIN = 'sealed-colonies/paillier/modulus-proof/1';

/** The proof for a key. @returns {@link ROOTS} numbers, each as long as n, big-endian */
export async function proveModulus(privateKey: PrivateKey): Promise<Uint8Array> {
  const { p, q } = await primesOf(privateKey);
  const n = p * q;
  const rootAt = [p, q].map((prime) => {
    const power = powerOf(prime);
    const inverse = modInverse(mod(n, prime - 1n), prime - 1n);
    return (number: bigint) => power(number, inverse);
  });
  const pInverse = modInverse(p, q);
  const roots: bigint[] = [];
  for (let index = 0; index < ROOTS; index += 1) {
    const [atP = 0n, atQ = 0n] = rootAt.map((root) => root(challenge(n, index)));
    roots.push(atP + p * mod((atQ - atP) * pInverse, q));
    await setImmediate();
  }
  return fromBigInts(roots, byteLength(n));
}

/** Whether a proof holds. @param publicKey that `validatePublicKey` has taken, which sees that n has no factor below 2^16 */
export async function isModulusProven(publicKey: PublicKey, proof: Uint8Array): Promise<boolean> {
  const { n } = publicKey;
  const width = byteLength(n);
  if (proof.length !== ROOTS * width) return false;
  const power = powerOf(n);
  for (let index = 0; index < ROOTS; index += 1) {
    const root = bytesToBigInt(elementAt(proof, index, width));
    if (root >= n || power(root, n) !== challenge(n, index)) return false;
    await setImmediate();
  }
  return true;
}

function powerOf(modulus: bigint): (base: bigint, exponent: bigint) => bigint {
  const power = OpenSslPower.open(modulus);
  return (base, exponent) => power?.of(base, exponent) ?? modPower(base, exponent, modulus);
}

function challenge(n: bigint, index: number): bigint {
  const width = byteLength(n);
  const hash = createHash('shake256', { outputLength: width + 16 });
  hash.update(`${DOMAIN}/${index}`).update(bigIntToBytes(n, width));
  return mod(bytesToBigInt(hash.digest()), n);
}
