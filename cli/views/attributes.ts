import type { Attribute } from '../../colony/messages/processes.ts';

/** What attributes are for, in the order of their numbers on the wire. */
const KINDS = ['In', 'Out', 'Err', 'Env'] as const;

/** The number of an attribute that an executor adds to what it computes. */
export const OUTPUT_ATTRIBUTE: number = KINDS.indexOf('Out');

/** The official command line's word for what an attribute is for. */
export function kindOf({ attributeType }: Attribute): string {
  return KINDS[attributeType] ?? 'Unknown';
}
