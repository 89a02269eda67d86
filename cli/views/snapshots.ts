import type { ColoniesClient } from '../../colony/client.ts';
import type { Snapshot } from '../../colony/messages/files.ts';
import { UsageError } from '../command.ts';
import { unknownToServer } from '../framework/refusals.ts';

/** Options that name a snapshot: by its id, or by its name. */
export const snapshotOptions = {
  snapshotid: { type: 'string', alias: 'i', describe: 'id of the snapshot' },
  snapshotname: { type: 'string', alias: 'n', describe: 'name of the snapshot' },
} as const;

interface SnapshotArguments {
  readonly snapshotid: string | undefined;
  readonly snapshotname: string | undefined;
}

/** A snapshot by its id or its name; the other one is empty. */
export interface SnapshotKey {
  readonly snapshotId: string;
  readonly name: string;
}

/**
 * Reads {@link snapshotOptions}.
 *
 * @param path the command, whose help is pointed to
 */
export function readSnapshotKey({ snapshotid, snapshotname }: SnapshotArguments, path: readonly string[]): SnapshotKey {
  if ((snapshotid === undefined) === (snapshotname === undefined)) {
    throw new UsageError('expected either --snapshotid or --snapshotname', path);
  }
  return { snapshotId: snapshotid ?? '', name: snapshotname ?? '' };
}

/** How people and messages call a snapshot. */
export function describeSnapshot({ snapshotId, name }: SnapshotKey): string {
  return snapshotId === '' ? `snapshot "${name}"` : `snapshot ${snapshotId}`;
}

/** @throws UserError when the server has none of that id or name */
export function findSnapshot(
  client: ColoniesClient,
  colonyName: string,
  key: SnapshotKey,
  signal?: AbortSignal,
): Promise<Snapshot> {
  return client.getSnapshot({ colonyName, ...key }, { signal }).catch(unknownToServer(describeSnapshot(key)));
}
