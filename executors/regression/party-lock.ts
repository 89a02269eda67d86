import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../colony/errors.ts';

/** The directories that daemons of this very process hold. */
const held = new Set<string>();

/**
 * Takes a party's directory for one daemon: two that share its state could let two plaintexts out under one pad.
 *
 * @returns gives the directory back; may be called again
 * @throws UserError when a living process holds it
 */
export function lockDirectory(root: string): () => void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const path = join(root, 'daemon.pid');
  if (!tryToWrite(path)) {
    requireLeft(root, path);
    rmSync(path, { force: true });
    if (!tryToWrite(path)) throw inUse(root, 'another process');
  }
  held.add(root);
  return () => {
    if (held.delete(root)) rmSync(path, { force: true });
  };
}

function tryToWrite(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A daemon that was killed leaves its mark behind; so does one whose number another program has now. */
function requireLeft(root: string, path: string): void {
  const holder = Number(readFileSync(path, 'utf8').trim());
  const isHeld = holder === process.pid ? held.has(root) : Number.isInteger(holder) && holder > 0 && isAlive(holder);
  if (isHeld) throw inUse(root, `process ${holder}`, path);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // It lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function inUse(root: string, holder: string, path?: string): UserError {
  const wayOut = path === undefined ? '' : `; if that is no daemon of this party, remove ${path}`;
  return new UserError(
    `${root}: expected to be the only daemon of this party, got one that ${holder} runs; stop that daemon, or give --directory${wayOut}`,
  );
}
