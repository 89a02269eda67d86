/**
 * Paillier's additively homomorphic encryption. Keys are those of `paillier-bigint`; ciphertexts are bigints in [1, n²)
 * or {@link CiphertextVector}s. The mathematics, the assumptions and what leaks are told in crypto/README.md.
 */
export { PrivateKey, PublicKey } from 'paillier-bigint';
export {
  generateKeyPair,
  isBlumKey,
  keyId,
  privateKeyFromPrimes,
  publicKeyFromModulus,
  validatePublicKey,
} from './keys.ts';
export type { KeyPair, KeyRequirements } from './keys.ts';
export { isModulusProven, proveModulus } from './modulus-proof.ts';
export {
  addCiphertexts,
  addPlaintext,
  decrypt,
  dotProduct,
  encrypt,
  encryptAsOwner,
  rerandomize,
  scaleCiphertext,
  subtractCiphertexts,
} from './scheme.ts';
export type { EncryptOptions } from './scheme.ts';
export type { MaskingChoice } from './state.ts';
export { validateCiphertexts } from './validate.ts';
export type { CiphertextRequirements } from './validate.ts';
export { decodeFixedPoint, encodeFixedPoint, formatFixedPoint } from './fixed-point.ts';
export { explainPacking, planPacking, unpackValues } from './packing.ts';
export type { PackingBounds, PackingPlan } from './packing.ts';
export { CiphertextVector } from './vector.ts';
export type { VectorHeader, VectorParts } from './vector.ts';
export {
  addVectors,
  decryptVector,
  dotVector,
  encryptVector,
  encryptVectorAsOwner,
  rerandomizeVector,
  scaleVector,
  sumStream,
  sumVector,
  validateVector,
  valuesOf,
} from './vector-operations.ts';
export type { EncryptVectorOptions, VectorOptions } from './vector-operations.ts';
export { dotColumns, encryptResidues } from './vector-columns.ts';
export type { EncryptResiduesOptions, IntegerColumn } from './vector-columns.ts';
export { productOfPowers, splitCiphertexts } from './vector-powers.ts';
export type { PowerOptions } from './vector-powers.ts';
export { describeEngine, setThreads } from './compute.ts';
export type { EngineDescription } from '../modular/select.ts';
export { closeCrypto } from './lifecycle.ts';
export { keepObfuscators, ObfuscatorPool } from './obfuscators.ts';
export type { ObfuscatorOptions } from './obfuscators.ts';
export { configureTables } from './tables.ts';
export type { TableSettings } from './tables.ts';
export { combineShares, dealShares, partiallyDecrypt } from './threshold.ts';
export type { DecryptionShare, PartialDecryption, SharingPlan } from './threshold.ts';
