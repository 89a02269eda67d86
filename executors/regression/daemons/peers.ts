import type { Logger } from 'pino';
import type { ColoniesClient } from '../../../colony/client.ts';
import { RetryableError } from '../../../colony/errors.ts';
import { refusal } from '../refusal.ts';

/** Who the other parties are: their Colonies ids. */
export interface Peers {
  /**
   * The id that a party signs with.
   *
   * @throws TerminalError `NOT_ACCEPTED` when the operator's list lacks the party, `WRONG_PARTY` when the colony has several
   */
  idOf(party: string, signal: AbortSignal): Promise<string>;
  /** @throws TerminalError `NOT_ACCEPTED` when the operator has listed another id than this one for the party */
  requireId(party: string, id: string): void;
  /** @throws TerminalError `NOT_ACCEPTED` when the operator has a list and it lacks one of these parties */
  requireListed(parties: readonly string[]): void;
}

/** Where ids come from. */
export interface PeerSources {
  readonly client: ColoniesClient;
  readonly colonyName: string;
  /** The operator's list: id by party. Where it is empty, the server is believed. */
  readonly pinned: ReadonlyMap<string, string>;
  readonly log: Logger;
}

/** Looks ids up: in the operator's list, or where there is none, in the colony's register. */
export function createPeers({ client, colonyName, pinned, log }: PeerSources): Peers {
  const told = new Set<string>();
  return {
    async idOf(party, signal) {
      const known = pinned.get(party);
      if (known !== undefined) return known;
      if (pinned.size > 0) throw notListed(party);
      const id = await registeredId(client, colonyName, party, signal);
      if (!told.has(party)) {
        log.warn({ party, executorId: id }, 'the server says who this party is; pin its id with --peer to be sure');
        told.add(party);
      }
      return id;
    },
    requireId(party, id) {
      const known = pinned.get(party);
      if (known === undefined || known === id) return;
      throw refusal('NOT_ACCEPTED', `${party}: expected the id that it had in the training, got another in --peer`);
    },
    requireListed(parties) {
      const stranger = parties.find((party) => !pinned.has(party));
      if (pinned.size > 0 && stranger !== undefined) throw notListed(stranger);
    },
  };
}

function notListed(party: string): Error {
  return refusal(
    'NOT_ACCEPTED',
    `${party}: expected one of the parties that this daemon's operator has listed, got another; ask the operator to add its id with --peer`,
  );
}

async function registeredId(
  client: ColoniesClient,
  colonyName: string,
  party: string,
  signal: AbortSignal,
): Promise<string> {
  const executors = await client.getExecutors({ colonyName }, { signal });
  const ids = new Set(
    executors.flatMap(({ executorType, executorId, state }) =>
      executorType === party && state === 'approved' ? [executorId] : [],
    ),
  );
  const [id] = ids;
  if (id === undefined) {
    throw new RetryableError(`${party}: expected an approved executor of that type, got none; start its daemon`, {
      code: 'PARTY_ABSENT',
    });
  }
  if (ids.size === 1) return id;
  throw refusal(
    'WRONG_PARTY',
    `${party}: expected one key for all executors of that type, got ${ids.size}; stop the others, or pin the right id with --peer`,
  );
}
