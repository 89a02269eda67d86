import { signText } from '../agreement.ts';
import type { Desk } from './desk.ts';

/** A party's output with its signature, where it belongs to no training: the text says where it stands. */
export function signedOutput({ identity }: Desk, text: string): string {
  return signText(text, identity);
}
