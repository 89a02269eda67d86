import { createHash } from 'node:crypto';
import type { FactoredRing, ModularEngine, SquareRing } from './engine.ts';

/** A published 2048-bit test key: never use it for anything else. */
const P = BigInt(
  '0x8a338998c07aba7988c536c009aae1c470ab01a9e1d9f9c93c42d3de0e18c08569bef784d6aa6a75620e39e53d6eadb6d18918c7b1ec9c0a9a5ebaaa7a7f627d6b59d8deb9470e23865c0a9461daa18644598623089a62cbbf92961720dd2e7c9e2e2444d12f5bab1d54a85bfae38d3af42da04c91b9d416006da3613e909863',
);
const Q = BigInt(
  '0xfd3c60ecb5ba0cecadc4acc7952ad81e87053859d5a0554d811bdc724cf0a549a29db9d408df115ae59447c91a19dbb2691dba4fa777add4b180854d09c92c8d54f75452c7768842297287e87d0b5f5940f80ab134ae582aacb5c37d1827d301a9d3634e6dd2248ae5b5555325857d89848269050c0c0fbce03817e73853e127',
);

/** SHA-256 over all results of {@link publicResults} and {@link privateResults}, computed with the BigInt engine. */
const KNOWN_DIGEST = '99c32124b5cb5c75218dce4c1a8ac7790ad481226ff25f43e4f7430c03d3a857';

const COUNT = 9;
const EXPONENT_BYTES = 8;
const TABLE_BITS = 64;
const WINDOW_BITS = 4;

/**
 * Runs every operation of an engine on fixed inputs and compares with the known answer.
 *
 * @returns `undefined` when all results are right, otherwise the reason to refuse the engine
 */
export function failsSelfTest(engine: ModularEngine): string | undefined {
  try {
    return selfTestDigest(engine) === KNOWN_DIGEST ? undefined : 'wrong result in its self-test';
  } catch (error) {
    return `error in its self-test: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** SHA-256 of what the engine makes of the fixed inputs. */
function selfTestDigest(engine: ModularEngine): string {
  const hash = createHash('sha256');
  const ring = engine.openRing(P * Q);
  const factored = engine.openFactoredRing(P, Q);
  for (const part of [...publicResults(ring), ...privateResults(factored)]) hash.update(part);
  ring.close();
  factored.close();
  return hash.digest('hex');
}

function publicResults(ring: SquareRing): Uint8Array[] {
  const { rootBytes, elementBytes } = ring;
  const elements = numbers('elements', COUNT, elementBytes);
  const others = numbers('others', COUNT, elementBytes);
  const residues = numbers('residues', COUNT, rootBytes);
  const exponents = numbers('exponents', COUNT, EXPONENT_BYTES, 0xff);
  const one = elements.subarray(0, elementBytes);
  const table = result(ring.tableBytes(TABLE_BITS, WINDOW_BITS), (out) =>
    ring.buildTable(out, one, TABLE_BITS, WINDOW_BITS),
  );
  const shape = { bytes: table, exponentBits: TABLE_BITS, windowBits: WINDOW_BITS };
  return [
    result(elements.length, (out) => ring.multiply(out, elements, others)),
    result(elements.length, (out) => ring.multiply(out, elements, one)),
    result(elementBytes, (out) => ring.product(out, elements)),
    result(elements.length, (out) => ring.multiplyByOnePlus(out, elements, residues)),
    result(elements.length, (out) => ring.power(out, elements, exponents, EXPONENT_BYTES)),
    result(elements.length, (out) => ring.powerShared(out, elements, exponents.subarray(0, EXPONENT_BYTES))),
    result(elementBytes, (out) => ring.multiExponentiate(out, elements, exponents, EXPONENT_BYTES)),
    ...[true, false].map((constantTime) =>
      result(elements.length, (out) => ring.powerFixedBase(out, { ...shape, constantTime }, exponents, residues)),
    ),
  ];
}

function privateResults(ring: FactoredRing): Uint8Array[] {
  const { rootBytes, elementBytes } = ring;
  const residues = numbers('residues', 1, rootBytes);
  const exponents = numbers('exponents', 2, EXPONENT_BYTES, 0xff);
  const base = numbers('elements', 1, elementBytes);
  const plaintext = new Uint8Array(rootBytes);
  ring.decrypt(plaintext, base);
  const bytes = new Uint8Array(ring.ownerTableBytes(TABLE_BITS, WINDOW_BITS));
  ring.buildOwnerTables(bytes, base, TABLE_BITS, WINDOW_BITS);
  const ciphertexts = [true, false].map((constantTime) => {
    const out = new Uint8Array(elementBytes);
    const tables = { bytes, exponentBits: TABLE_BITS, windowBits: WINDOW_BITS, constantTime };
    ring.encryptAsOwner(out, tables, exponents, residues);
    return out;
  });
  return [plaintext, ...ciphertexts];
}

function result(length: number, compute: (out: Uint8Array) => void): Uint8Array {
  const out = new Uint8Array(length);
  compute(out);
  return out;
}

/** `count` fixed numbers of `width` bytes; a small top byte keeps them below the modulus. */
function numbers(label: string, count: number, width: number, topMask = 0x3f): Uint8Array {
  const bytes = createHash('shake256', { outputLength: count * width })
    .update(`self-test/${label}`)
    .digest();
  for (let start = 0; start < bytes.length; start += width) bytes[start] = (bytes[start] ?? 0) & topMask;
  return new Uint8Array(bytes);
}
