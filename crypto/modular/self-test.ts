import { createHash } from 'node:crypto';
import type { FactoredRing, FixedBaseTable, ModularEngine, SquareRing } from './engine.ts';

/** A published 2048-bit test key: never use it for anything else. */
const P = BigInt(
  '0x8a338998c07aba7988c536c009aae1c470ab01a9e1d9f9c93c42d3de0e18c08569bef784d6aa6a75620e39e53d6eadb6d18918c7b1ec9c0a9a5ebaaa7a7f627d6b59d8deb9470e23865c0a9461daa18644598623089a62cbbf92961720dd2e7c9e2e2444d12f5bab1d54a85bfae38d3af42da04c91b9d416006da3613e909863',
);
const Q = BigInt(
  '0xfd3c60ecb5ba0cecadc4acc7952ad81e87053859d5a0554d811bdc724cf0a549a29db9d408df115ae59447c91a19dbb2691dba4fa777add4b180854d09c92c8d54f75452c7768842297287e87d0b5f5940f80ab134ae582aacb5c37d1827d301a9d3634e6dd2248ae5b5555325857d89848269050c0c0fbce03817e73853e127',
);

/** SHA-256 over all results of {@link publicResults} and {@link privateResults}, computed with the BigInt engine. */
const KNOWN_DIGEST = 'a184da3d30d2f96a49a1e19041aa7665b0364be67af7d868228476f2da1178c2';

const COUNT = 9;
const EXPONENT_BYTES = 8;
const TABLE_BITS = 64;
/** Short windows and long ones: engines store them in different ways. */
const WINDOWS = [4, 8] as const;

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
  const tables = WINDOWS.flatMap((windowBits) => {
    const bytes = result(ring.tableBytes(TABLE_BITS, windowBits), (out) =>
      ring.buildTable(out, one, TABLE_BITS, windowBits),
    );
    return bothLookUps(bytes, windowBits);
  });
  return [
    result(elements.length, (out) => ring.multiply(out, elements, others)),
    result(elements.length, (out) => ring.multiply(out, elements, one)),
    result(elementBytes, (out) => ring.product(out, elements)),
    result(elements.length, (out) => ring.multiplyByOnePlus(out, elements, residues)),
    result(elements.length, (out) => ring.power(out, elements, exponents, EXPONENT_BYTES)),
    result(elements.length, (out) => ring.powerShared(out, elements, exponents.subarray(0, EXPONENT_BYTES))),
    result(elementBytes, (out) => ring.multiExponentiate(out, elements, exponents, EXPONENT_BYTES)),
    ...tables.map((table) => result(elements.length, (out) => ring.powerFixedBase(out, table, exponents, residues))),
  ];
}

function privateResults(ring: FactoredRing): Uint8Array[] {
  const { rootBytes, elementBytes } = ring;
  const residues = numbers('residues', 1, rootBytes);
  const exponents = numbers('exponents', 2, EXPONENT_BYTES, 0xff);
  const base = numbers('elements', 1, elementBytes);
  const plaintext = new Uint8Array(rootBytes);
  ring.decrypt(plaintext, base);
  const [windowBits] = WINDOWS;
  const bytes = result(ring.ownerTableBytes(TABLE_BITS, windowBits), (out) =>
    ring.buildOwnerTables(out, base, TABLE_BITS, windowBits),
  );
  const ciphertexts = bothLookUps(bytes, windowBits).map((tables) =>
    result(elementBytes, (out) => ring.encryptAsOwner(out, tables, exponents, residues)),
  );
  return [plaintext, ...ciphertexts];
}

/** The same table, read in constant time and directly. */
function bothLookUps(bytes: Uint8Array, windowBits: number): FixedBaseTable[] {
  return [true, false].map((constantTime) => ({ bytes, exponentBits: TABLE_BITS, windowBits, constantTime }));
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
