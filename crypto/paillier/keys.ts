import { checkPrime, checkPrimeSync, createHash, generatePrime } from 'node:crypto';
import { PrivateKey, PublicKey } from 'paillier-bigint';
import { bigIntToBytes, bitLength, byteLength } from '../modular/bytes.ts';
import { absolute, gcd, integerRoot, mod, modInverse, oddPrimesBelow } from '../modular/number-theory.ts';
import { randomBelow } from '../modular/random.ts';
import { Recent } from './recent.ts';

/** A Paillier key pair in the classes of `paillier-bigint`. */
export interface KeyPair {
  readonly publicKey: PublicKey;
  readonly privateKey: PrivateKey;
}

/** What is required of an imported modulus. */
export interface KeyRequirements {
  /** Smallest acceptable modulus, in bits. @default 2048 */
  readonly minimumBits?: number;
  /**
   * The key's owner states that p ≡ q ≡ 3 (mod 4) and gcd(p−1, q−1) = 2, which lets everybody encrypt with half-length
   * exponents (crypto/README.md, "Which randomness"). Leave it out when nobody said so.
   */
  readonly blum?: boolean;
}

/** Primes of a key, and whether it satisfies the conditions of Damgård–Jurik–Nielsen encryption. */
export interface PrivateFacts {
  readonly p: bigint;
  readonly q: bigint;
  readonly blum: boolean;
}

const DEFAULT_MINIMUM_BITS = 2048;
/** What every engine takes; twice what 128-bit security asks for. */
const MAXIMUM_BITS = 6144;
const SMALL_PRIMES = oddPrimesBelow(2 ** 16);
const SMALLEST_TEST_KEY_BITS = 256;

const publicFacts = new WeakMap<PublicKey, { readonly keyId: string; readonly blum: boolean | undefined }>();
/** Moduli that were looked at before: daemons read the same keys again and again. */
const soundModuli = new Recent<string, true>(256);
const privateFacts = new WeakMap<PrivateKey, Promise<PrivateFacts>>();

/**
 * Generates a key pair with g = n + 1 from Blum primes: p ≡ q ≡ 3 (mod 4), gcd(p−1, q−1) = 2, |p − q| large, and no
 * small odd factor in p−1 or q−1, so that almost every square generates all squares.
 * Damgård, Jurik, Nielsen, IJIS 9 (2010), §5; primes from OpenSSL.
 *
 * @param options.keyBits length of n, even. @default 3072
 * @param options.allowShortKey accept fewer than 2048 bits; for tests only
 * @throws RangeError when `keyBits` is odd, too short or too long
 */
export async function generateKeyPair(options: { keyBits?: number; allowShortKey?: boolean } = {}): Promise<KeyPair> {
  const { keyBits = 3072, allowShortKey = false } = options;
  checkKeyBits(keyBits, allowShortKey ? SMALLEST_TEST_KEY_BITS : DEFAULT_MINIMUM_BITS);
  for (;;) {
    const [p, q] = await Promise.all([generateBlumPrime(keyBits / 2), generateBlumPrime(keyBits / 2)]);
    if (bitLength(p * q) === keyBits && areFarApart(p, q, keyBits) && gcd(p - 1n, q - 1n) === 2n) {
      return keyPairOf(p, q);
    }
  }
}

/**
 * The public key of an imported modulus, validated.
 *
 * @throws RangeError as {@link validatePublicKey}
 */
export function publicKeyFromModulus(n: bigint, requirements: KeyRequirements = {}): PublicKey {
  const publicKey = new PublicKey(n, n + 1n);
  validatePublicKey(publicKey, requirements);
  return publicKey;
}

/**
 * The private key of two imported primes, validated; keys of python-paillier and paillier-bigint have this form.
 *
 * @throws RangeError when one is not prime, both are equal or too close, n fails {@link validatePublicKey}, or n shares a
 *   factor with (p−1)(q−1)
 */
export async function privateKeyFromPrimes(
  p: bigint,
  q: bigint,
  requirements: KeyRequirements = {},
): Promise<PrivateKey> {
  await validatePrimes(p, q);
  const publicKey = publicKeyFromModulus(p * q, { ...requirements, blum: isBlumPair(p, q) });
  return registerPrivateKey(p, q, publicKey);
}

/**
 * Checks what can be seen of a public key: odd n of acceptable size without factors below 2^16, no prime and no perfect
 * power, g = n + 1. That n is a product of two large primes cannot be seen; its owner is trusted with that.
 *
 * @throws RangeError naming the failed condition
 */
export function validatePublicKey(publicKey: PublicKey, requirements: KeyRequirements = {}): void {
  const { minimumBits = DEFAULT_MINIMUM_BITS, blum } = requirements;
  const { n, g } = publicKey;
  if (typeof n !== 'bigint' || n <= 0n) throw badPublicKey('a positive modulus', typeof n);
  const keyBits = bitLength(n);
  if (keyBits < minimumBits || keyBits > MAXIMUM_BITS) {
    throw badPublicKey(`a modulus of ${minimumBits} to ${MAXIMUM_BITS} bits`, `${keyBits} bits`);
  }
  if (g !== n + 1n) throw badPublicKey('the generator g = n + 1', 'another one');
  const mayBeBlum = (n & 3n) === 1n;
  if (blum === true && !mayBeBlum) throw badPublicKey('n ≡ 1 (mod 4) of a key that states blum', 'n ≡ 3 (mod 4)');
  const id = hashModulus(n);
  soundModuli.get(id, () => checkStructure(n, keyBits));
  publicFacts.set(publicKey, { keyId: id, blum: mayBeBlum ? blum : false });
}

/** The identifier of a key: SHA-256 of n's big-endian bytes, lower-case hexadecimal. */
export function keyId(publicKey: PublicKey): string {
  return publicFacts.get(publicKey)?.keyId ?? hashModulus(publicKey.n);
}

/**
 * Whether a key is known to be a Blum key: `true` when its owner says so or the primes were seen, `false` when it cannot
 * be one, `undefined` when nobody knows. Validates a key that has not been seen before.
 */
export function isBlumKey(publicKey: PublicKey): boolean | undefined {
  if (!publicFacts.has(publicKey)) validatePublicKey(publicKey);
  return publicFacts.get(publicKey)?.blum;
}

/**
 * The primes of a private key, found from λ and validated once per key object.
 *
 * @throws RangeError when the key is inconsistent or fails {@link privateKeyFromPrimes}' conditions
 */
export function primesOf(privateKey: PrivateKey): Promise<PrivateFacts> {
  const known = privateFacts.get(privateKey);
  if (known) return known;
  const facts = readPrivateKey(privateKey);
  privateFacts.set(privateKey, facts);
  return facts;
}

function checkKeyBits(keyBits: number, minimumBits: number): void {
  if (keyBits % 2 === 0 && keyBits >= minimumBits && keyBits <= MAXIMUM_BITS) return;
  throw new RangeError(
    `keyBits: expected an even number from ${minimumBits} to ${MAXIMUM_BITS}, got ${keyBits}; use 3072 (128-bit security)`,
  );
}

function keyPairOf(p: bigint, q: bigint): KeyPair {
  const n = p * q;
  const publicKey = new PublicKey(n, n + 1n);
  publicFacts.set(publicKey, { keyId: hashModulus(n), blum: true });
  return { publicKey, privateKey: registerPrivateKey(p, q, publicKey) };
}

function registerPrivateKey(p: bigint, q: bigint, publicKey: PublicKey): PrivateKey {
  const lambda = (p - 1n) * (q - 1n);
  const privateKey = new PrivateKey(lambda, modInverse(lambda, publicKey.n), publicKey, p, q);
  privateFacts.set(privateKey, Promise.resolve({ p, q, blum: isBlumPair(p, q) }));
  return privateKey;
}

async function readPrivateKey(privateKey: PrivateKey): Promise<PrivateFacts> {
  const [p, q] = factor(privateKey.publicKey.n, privateKey.lambda);
  if (!publicFacts.has(privateKey.publicKey)) validatePublicKey(privateKey.publicKey);
  await validatePrimes(p, q);
  return { p, q, blum: isBlumPair(p, q) };
}

/** The primes of n from λ = φ(n) / d for a small d: n / φ(n) is barely above 1, so φ(n) = λ·⌊n/λ⌋. */
function factor(n: bigint, lambda: bigint): [bigint, bigint] {
  const totient = lambda > 0n ? lambda * (n / lambda) : 0n;
  const sum = n + 1n - totient;
  const discriminant = sum * sum - 4n * n;
  const difference = discriminant >= 0n ? integerRoot(discriminant, 2) : 0n;
  const [p, q] = [(sum + difference) / 2n, (sum - difference) / 2n];
  if (p * q !== n || q <= 1n) {
    throw new RangeError(
      'private key: expected λ and n of one Paillier key, got unrelated numbers; import its primes instead',
    );
  }
  return [p, q];
}

async function validatePrimes(p: bigint, q: bigint): Promise<void> {
  const fail = (expected: string): never => {
    throw new RangeError(`private key: expected ${expected}, got numbers of ${bitLength(p)} and ${bitLength(q)} bits`);
  };
  if (p < 3n || q < 3n || !areFarApart(p, q, bitLength(p * q))) fail('two distinct primes that are not close');
  const [pIsPrime, qIsPrime] = await Promise.all([isPrime(p), isPrime(q)]);
  if (!pIsPrime || !qIsPrime) fail('two primes');
  if (gcd(p * q, (p - 1n) * (q - 1n)) !== 1n) fail('primes with gcd(n, (p−1)(q−1)) = 1');
}

/** Miller-Rabin with OpenSSL's number of rounds (64 or more), in its thread pool. */
function isPrime(candidate: bigint): Promise<boolean> {
  return new Promise((resolve, reject) => {
    checkPrime(candidate, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function isBlumPair(p: bigint, q: bigint): boolean {
  return (p & 3n) === 3n && (q & 3n) === 3n && gcd(p - 1n, q - 1n) === 2n;
}

/** |p − q| > 2^(|n|/2 − 100) (FIPS 186-5, A.1.3), scaled down for test keys. */
function areFarApart(p: bigint, q: bigint, keyBits: number): boolean {
  return bitLength(absolute(p - q)) > keyBits / 2 - Math.min(100, keyBits / 8);
}

function checkStructure(n: bigint, keyBits: number): true {
  if ((n & 1n) === 0n) throw badPublicKey('an odd modulus', 'an even one');
  if (SMALL_PRIMES.some((prime) => n % BigInt(prime) === 0n)) throw badPublicKey('no factor below 2^16', 'one');
  if (isPerfectPower(n, keyBits)) throw badPublicKey('a product of two primes', 'a perfect power');
  if (checkPrimeSync(n, { checks: 1 })) throw badPublicKey('a product of two primes', 'a prime');
  return true;
}

function badPublicKey(expected: string, got: string): RangeError {
  return new RangeError(`public key: expected ${expected}, got ${got}; ask its owner for a valid Paillier key`);
}

function isPerfectPower(n: bigint, keyBits: number): boolean {
  // Factors below 2^16 are excluded, so a degree above bits / 16 is impossible.
  const degrees = [2, ...SMALL_PRIMES.filter((prime) => prime <= keyBits / 16)];
  return degrees.some((degree) => integerRoot(n, degree) ** BigInt(degree) === n);
}

/**
 * A prime p ≡ 3 (mod 4) with no small odd factor in p − 1: OpenSSL searches the residue class `rem` modulo `add`, drawn
 * uniformly among the classes that allow this.
 */
function generateBlumPrime(bits: number): Promise<bigint> {
  let [add, rem] = [4n, 3n];
  for (const prime of SMALL_PRIMES) {
    const factorOfAdd = BigInt(prime);
    // A third of the bits at most, so that every class keeps an abundance of primes.
    if (bitLength(add * factorOfAdd) > bits / 3) break;
    const residue = 2n + randomBelow(factorOfAdd - 2n);
    rem += add * mod((residue - rem) * modInverse(add, factorOfAdd), factorOfAdd);
    add *= factorOfAdd;
  }
  return new Promise((resolve, reject) => {
    generatePrime(bits, { add, rem, bigint: true }, (error, prime) => (error ? reject(error) : resolve(prime)));
  });
}

function hashModulus(n: bigint): string {
  return createHash('sha256')
    .update(bigIntToBytes(n, byteLength(n)))
    .digest('hex');
}
