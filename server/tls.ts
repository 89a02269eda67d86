import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { toError, UserError } from '../colony/errors.ts';

/** A certificate, perhaps followed by those that signed it, and its private key, as PEM texts. */
export interface TlsPair {
  readonly key: string;
  readonly cert: string;
}

/** Older versions of TLS are not spoken, whatever the environment says (RFC 8996). */
export const LEAST_TLS_VERSION: SecureContextOptions = { minVersion: 'TLSv1.2' };

/**
 * Checks that a certificate and a key can be served.
 *
 * @param nowMs milliseconds since 1970
 * @returns when the certificate expires, in milliseconds since 1970
 * @throws UserError when they are no PEM texts of a certificate and a key that is not encrypted, do not belong together,
 *   or the certificate is not valid now
 */
export function requireUsable({ key, cert }: TlsPair, nowMs: number): number {
  const certificate = readCertificate(cert);
  if (!certificate.checkPrivateKey(readKey(key))) {
    throw unusable('expected a certificate and its private key, got a key of another certificate');
  }
  const [fromMs, untilMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs < fromMs) throw unusable(`expected a valid certificate, got one that is valid from ${iso(fromMs)} on`);
  if (nowMs > untilMs) throw unusable(`expected a valid certificate, got one that expired at ${iso(untilMs)}`);
  try {
    createSecureContext({ key, cert, ...LEAST_TLS_VERSION });
  } catch (thrown) {
    throw unusable(`expected a certificate and its private key, got "${toError(thrown).message}"`, thrown);
  }
  return untilMs;
}

function readCertificate(cert: string): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (thrown) {
    throw unusable('expected a certificate and its private key, got no certificate in PEM form', thrown);
  }
}

function readKey(key: string): KeyObject {
  if (/^(?:Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED PRIVATE KEY-----)/mu.test(key)) {
    throw unusable('expected a private key, got an encrypted one; decrypt it with "openssl pkey"');
  }
  try {
    return createPrivateKey(key);
  } catch (thrown) {
    throw unusable('expected a certificate and its private key, got no private key in PEM form', thrown);
  }
}

function unusable(what: string, cause?: unknown): UserError {
  return new UserError(`TLS: ${what}`, cause === undefined ? undefined : { cause });
}

function iso(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
