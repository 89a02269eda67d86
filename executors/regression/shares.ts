import { keyId } from '../../crypto/paillier/index.ts';
import type { DecryptionShare } from '../../crypto/paillier/index.ts';
import { bigIntToBytes, byteLength, bytesToBigInt } from '../../crypto/modular/bytes.ts';
import { sealFor, unseal } from './agreement.ts';
import { decodeMessage, encodeMessage, ShareText } from './messages.ts';
import { partiesOf } from './parameters.ts';
import { refusal } from './refusal.ts';
import type { RunKey } from './streams.ts';

/**
 * The wire form of key shares: from the dealer to one holder each, sealed. The dealer knows the key and must forget it.
 */

/**
 * Seals one party's share for it.
 *
 * @param recipient the party, and the seed that it shares with the dealer
 * @returns JSON text
 */
export function shareTextFor(
  run: RunKey,
  dealer: string,
  recipient: { readonly party: string; readonly seed: Uint8Array },
  share: DecryptionShare,
): string {
  return sealFor(run.parameters, 'share', dealer, recipient, Buffer.from(encodeShare(share)));
}

/**
 * Opens this party's share.
 *
 * @param dealer the dealer, and the seed that this party shares with it
 * @throws TerminalError `WRONG_KEY` for a share of another key, `MISSING_SHARE` when it is not this party's of an all-of-all
 *   sharing among the parties of the run, or as `unseal`
 */
export function readShare(
  run: RunKey,
  dealer: { readonly party: string; readonly seed: Uint8Array },
  party: string,
  text: string,
): DecryptionShare {
  const share = decodeShare(Buffer.from(unseal(run.parameters, 'share', dealer, party, text)).toString());
  if (share.keyId !== keyId(run.publicKey)) {
    throw refusal('WRONG_KEY', `share of ${party}: expected one of the run's key, got one of another`);
  }
  const parties = partiesOf(run.parameters);
  const [index, count] = [parties.indexOf(party) + 1, parties.length];
  if (share.index === index && share.parties === count && share.threshold === count) return share;
  throw refusal(
    'MISSING_SHARE',
    `share of ${party}: expected share ${index} of ${count}, all needed, got ${share.index} of ${share.parties} with a ` +
      `threshold of ${share.threshold}`,
  );
}

/** A share as text: secret. */
export function encodeShare({ keyId: key, parties, threshold, index, value }: DecryptionShare): string {
  const bytes = bigIntToBytes(value, Math.max(1, byteLength(value)));
  return encodeMessage(ShareText, { v: 1, kind: 'key-share', key, parties, threshold, index, value: bytes });
}

/** Reads {@link encodeShare}. @throws TerminalError `BAD_MESSAGE` */
export function decodeShare(text: string): DecryptionShare {
  const { key, parties, threshold, index, value } = decodeMessage(ShareText, text);
  return { keyId: key, parties, threshold, index, value: bytesToBigInt(value) };
}
