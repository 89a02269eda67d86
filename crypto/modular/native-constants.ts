import { bigIntToBytes, bitLength, byteLength, fromBigInts } from './bytes.ts';
import { mod, modInverse } from './number-theory.ts';

/**
 * The constants that rings of the native engine are opened with. The addon has no general arithmetic of its own: what
 * is computed once per key is computed here, on BigInt, and crosses as big-endian bytes of the widths stated in
 * kernels/native/constants.hpp.
 */

/** How one path of the addon lays out a ring: numbers of `digits` digits of `digitBits` bits each. */
export interface RingGeometry {
  readonly lanes: number;
  readonly digitBits: number;
  /** Digits of a root. */
  readonly digits: number;
  /** Digits of a root's square. */
  readonly wideDigits: number;
}

/** Constants of Montgomery reduction modulo an odd number. */
interface ModulusConstants {
  readonly modulus: Uint8Array;
  /** −modulus⁻¹ mod 2^digitBits. */
  readonly negativeInverse: Uint8Array;
}

/** Constants of pair arithmetic modulo the square of a root. */
interface PairConstants {
  readonly root: ModulusConstants;
  readonly square: Uint8Array;
  readonly complement: Uint8Array;
  readonly one: Uint8Array;
  readonly entryFactors: Uint8Array;
}

/** Constants of a ring modulo N² with a public N. */
export interface SquareRingConstants {
  readonly rootBytes: number;
  readonly rootBits: number;
  readonly pairs: PairConstants;
  readonly square: ModulusConstants;
  readonly radixSquared: Uint8Array;
  readonly radixPowers: Uint8Array;
}

/** Constants of one secret prime of a modulus. */
interface PrimeConstants {
  readonly pairs: PairConstants;
  readonly plaintextFactor: Uint8Array;
  readonly residueFactors: Uint8Array;
}

/** Constants of the private-key operations of n = p·q. All but the sizes are secret. */
export interface FactoredRingConstants {
  readonly rootBytes: number;
  readonly primeBytes: number;
  readonly primeBits: number;
  readonly p: PrimeConstants;
  readonly q: PrimeConstants;
  readonly residueOffset: Uint8Array;
  readonly pInverse: Uint8Array;
  readonly pSquare: ModulusConstants;
  readonly elementOffset: Uint8Array;
  readonly qSquareInverse: Uint8Array;
}

/** Powers of the radix by which the addon corrects a long Montgomery product: R^(2^k) for k below this. */
const RADIX_POWERS = 32;

/** Constants of {@link SquareRingConstants} for an odd `root` ≥ 3. */
export function squareRingConstants(root: bigint, geometry: RingGeometry): SquareRingConstants {
  const rootBytes = byteLength(root);
  const elementBytes = 2 * rootBytes;
  const square = root * root;
  const radix = 1n << BigInt(geometry.digitBits * geometry.wideDigits);
  const radixPowers: bigint[] = [radix % square];
  while (radixPowers.length < RADIX_POWERS) {
    const last = radixPowers.at(-1) ?? 1n;
    radixPowers.push((last * last) % square);
  }
  return {
    rootBytes,
    rootBits: bitLength(root),
    pairs: pairConstants(root, rootBytes, elementBytes, geometry),
    square: modulusConstants(square, elementBytes, geometry),
    radixSquared: bigIntToBytes((radix * radix) % square, elementBytes),
    radixPowers: fromBigInts(radixPowers, elementBytes),
  };
}

/** Constants of {@link FactoredRingConstants}; the geometry is that of the longer prime. */
export function factoredRingConstants(p: bigint, q: bigint, geometry: RingGeometry): FactoredRingConstants {
  const rootBytes = byteLength(p * q);
  const primeBits = Math.max(bitLength(p), bitLength(q));
  const primeBytes = Math.ceil(primeBits / 8);
  const [pSquare, qSquare] = [p * p, q * q];
  const digitsRadix = 1n << BigInt(geometry.digitBits * geometry.digits);
  const squareRadix = digitsRadix * digitsRadix;
  return {
    rootBytes,
    primeBytes,
    primeBits,
    p: primeConstants(p, q, { primeBytes, elementBytes: 2 * rootBytes }, geometry),
    q: primeConstants(q, p, { primeBytes, elementBytes: 2 * rootBytes }, geometry),
    residueOffset: bigIntToBytes(roundUp(p, q), primeBytes + 1),
    pInverse: bigIntToBytes((modInverse(p, q) * digitsRadix) % q, primeBytes),
    pSquare: modulusConstants(pSquare, 2 * primeBytes, geometry),
    elementOffset: bigIntToBytes(roundUp(qSquare, pSquare), 2 * primeBytes + 1),
    qSquareInverse: bigIntToBytes((modInverse(qSquare, pSquare) * squareRadix) % pSquare, 2 * primeBytes),
  };
}

/** Overwrites every buffer of a set of constants. */
export function wipeConstants(constants: object): void {
  for (const value of Object.values(constants)) {
    if (value instanceof Uint8Array) value.fill(0);
    else if (typeof value === 'object' && value !== null) wipeConstants(value);
  }
}

function primeConstants(
  prime: bigint,
  other: bigint,
  widths: { readonly primeBytes: number; readonly elementBytes: number },
  geometry: RingGeometry,
): PrimeConstants {
  const radix = 1n << BigInt(geometry.digitBits * geometry.digits);
  // (1+n)^(p−1) = 1 + (p−1)·p·q ≡ 1 − p·q (mod p²), so L of it is −q.
  const plaintextFactor = modInverse(mod(-other, prime), prime);
  const residueFactors = [other * radix, other * radix * radix].map((factor) => factor % prime);
  return {
    pairs: pairConstants(prime, widths.primeBytes, widths.elementBytes, geometry),
    plaintextFactor: bigIntToBytes((plaintextFactor * radix) % prime, widths.primeBytes),
    residueFactors: fromBigInts(residueFactors, widths.primeBytes),
  };
}

/** `elementBytes` is the width of the elements that are read into pairs. */
function pairConstants(root: bigint, rootBytes: number, elementBytes: number, geometry: RingGeometry): PairConstants {
  const digitsBits = geometry.digitBits * geometry.digits;
  const square = root * root;
  const radix = 1n << BigInt(digitsBits);
  const chunks = Math.ceil((8 * elementBytes) / digitsBits);
  const entryFactors = Array.from({ length: chunks }, (_, chunk) => {
    const factor = radix ** BigInt(chunk + 2) % square;
    return fromBigInts([factor % root, factor / root], rootBytes);
  });
  const one = radix % square;
  return {
    root: modulusConstants(root, rootBytes, geometry),
    square: bigIntToBytes(square, 2 * rootBytes),
    complement: bigIntToBytes(mod(1n - radix, root), rootBytes),
    one: fromBigInts([one % root, one / root], rootBytes),
    entryFactors: Buffer.concat(entryFactors),
  };
}

function modulusConstants(modulus: bigint, bytes: number, geometry: RingGeometry): ModulusConstants {
  const digitRadix = 1n << BigInt(geometry.digitBits);
  return {
    modulus: bigIntToBytes(modulus, bytes),
    negativeInverse: bigIntToBytes(digitRadix - modInverse(modulus, digitRadix), 8),
  };
}

/** The least multiple of `unit` that is at least `value`. */
function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}
