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
