import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { checkedRows, rowsBytes } from '../additive/rows.ts';
import type { EncryptedRows } from '../additive/parties.ts';
import { openCiphertexts } from '../outputs.ts';
import type { RowsOutput } from '../outputs.ts';
import type { RunParameters } from '../parameters.ts';
import { refusal } from '../refusal.ts';
import type { RunKey } from '../streams.ts';
import { type OpenRun, rowsFileOf } from './additive-keys.ts';
import { type CallTools, filesOf } from './desk.ts';

/** Other parties' encrypted rows, kept in this party's directory: an iteration reads them without fetching them again. */

const READ_BYTES = 2 ** 20;

/** Names what a party's rows came as. */
export function digestOfRows({ rows }: RowsOutput): string {
  return createHash('sha256').update(rows).digest('hex');
}

/**
 * Fetches a party's rows, checks every ciphertext, and keeps them.
 *
 * @param key the owner's
 * @throws TerminalError as the checks of messages; ColonyError when the blob cannot be fetched or is damaged
 */
export async function keepRows(
  run: OpenRun,
  owner: string,
  key: RunKey,
  output: RowsOutput,
  { blobs, signal }: CallTools,
): Promise<void> {
  const files = filesOf(run.desk, run.training.parameters);
  const path = pathOf(run, owner);
  const partial = `${path}.${randomBytes(8).toString('hex')}.partial`;
  await mkdir(files.directory, { recursive: true, mode: 0o700 });
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      const message = openCiphertexts(blobs, output.rows, signal);
      for await (const chunk of checkedRows(key, owner, message, { signal })) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Rows that were kept.
 *
 * @param key the owner's
 * @param digest of {@link digestOfRows}
 * @throws TerminalError `BAD_STORE` when the file is missing or has another length
 */
export async function openRows(
  run: OpenRun,
  owner: string,
  { parameters, publicKey }: RunKey,
  digest: string,
): Promise<EncryptedRows> {
  const path = pathOf(run, owner);
  const expected = rowsBytes(parameters, owner, publicKey.n);
  const found = await sizeOf(path);
  if (found !== expected) {
    throw refusal(
      'BAD_STORE',
      `${rowsFileOf(owner)}: expected ${expected} bytes of encrypted rows, got ${found ?? 'no file'}; begin a new run`,
    );
  }
  const width = widthOf(parameters);
  return {
    owner,
    publicKey,
    digest,
    read: (from, to) => createReadStream(path, { start: from * width, end: to * width - 1, highWaterMark: READ_BYTES }),
  };
}

function pathOf(run: OpenRun, owner: string): string {
  return filesOf(run.desk, run.training.parameters).pathOf(rowsFileOf(owner));
}

function widthOf({ keyBits }: RunParameters): number {
  return 2 * Math.ceil(keyBits / 8);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
