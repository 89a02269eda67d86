import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { UserError } from '../../colony/errors.ts';
import type { FunctionSpec } from '../../colony/messages/processes.ts';
import type { Connection } from '../framework/context.ts';
import { normalizeLabel } from './files.ts';

/** What a function spec says of the files that it works on, as far as it matters here. */
const WithSnapshots = z.looseObject({
  snapshots: z.array(z.looseObject({ label: z.string().min(1) })).min(1),
});

/**
 * The function spec with a snapshot, taken now, of every label in its `fs.snapshots`: the executor works on the files as
 * they are, however long the process waits.
 *
 * @throws UserError when there is no such label
 */
export async function takeSnapshots({ client, colonyName }: Connection, spec: FunctionSpec): Promise<FunctionSpec> {
  const wanted = WithSnapshots.safeParse(spec.filesystem).data;
  if (wanted === undefined) {
    throw new UserError('--snapshot: expected labels in "fs": {"snapshots": [...]} of the function spec, got none');
  }
  const snapshots: unknown[] = [];
  for (const mount of wanted.snapshots) {
    const name = randomBytes(16).toString('hex');
    const label = normalizeLabel(mount.label);
    const { snapshotId } = await client.createSnapshot({ colonyName, label, name });
    snapshots.push({ ...mount, label, snapshotid: snapshotId });
  }
  return { ...spec, filesystem: { ...wanted, snapshots } };
}
