import { statfs } from 'node:fs/promises';
import { Refusal } from '../refusal.ts';

/** What blobs may take. */
export interface RoomLimits {
  /** The largest blob, in bytes. */
  readonly maxBlobBytes: number;
  /** All blobs of one colony together, in bytes. */
  readonly maxColonyBytes: number;
  /** So much of the disk is left alone, in bytes: the database lies on it, too. */
  readonly keptFreeBytes: number;
  /** So many uploads and downloads of one colony at the same time. */
  readonly maxTransfers: number;
}

/** Keeps count of what is being transferred, so that not all of it is let in because none of it is stored yet. */
export interface Room {
  /**
   * Sets room aside for an upload until the result is called.
   *
   * @param storedBytes what the colony has stored
   * @throws Refusal 413 for a blob that is too large, 507 when the colony's share or the disk is full, 503 when the
   * colony transfers too much at the same time
   */
  reserve(colonyName: string, bytes: number, storedBytes: number): Promise<() => void>;
  /** Takes a place for a download until the result is called. @throws Refusal 503 */
  takePlace(colonyName: string): () => void;
}

/** @param directory where blobs are stored */
export function createRoom(directory: string, limits: RoomLimits): Room {
  const [reserved, transfers] = [new Map<string, number>(), new Map<string, number>()];
  let allReserved = 0;
  const takePlace = (colonyName: string): (() => void) => {
    if ((transfers.get(colonyName) ?? 0) >= limits.maxTransfers) {
      throw new Refusal(
        503,
        `Expected at most ${limits.maxTransfers} transfers of blobs of a colony at the same time, got one more; try again later`,
      );
    }
    add(transfers, colonyName, 1);
    return () => add(transfers, colonyName, -1);
  };
  return {
    takePlace,
    async reserve(colonyName, bytes, storedBytes) {
      requireAllowed(limits, bytes, storedBytes + (reserved.get(colonyName) ?? 0));
      const leavePlace = takePlace(colonyName);
      add(reserved, colonyName, bytes);
      allReserved += bytes;
      const release = (): void => {
        leavePlace();
        add(reserved, colonyName, -bytes);
        allReserved -= bytes;
      };
      try {
        const free = await freeBytes(directory);
        if (free - allReserved < limits.keptFreeBytes) throw new Refusal(507, 'The disk of the server is full');
      } catch (thrown) {
        release();
        throw thrown;
      }
      return release;
    },
  };
}

function requireAllowed({ maxBlobBytes, maxColonyBytes }: RoomLimits, bytes: number, takenBytes: number): void {
  if (bytes > maxBlobBytes)
    throw new Refusal(413, `Expected a blob of at most ${maxBlobBytes} bytes, got one of ${bytes}`);
  if (takenBytes + bytes <= maxColonyBytes) return;
  throw new Refusal(
    507,
    `Expected at most ${maxColonyBytes} bytes of blobs in the colony, got ${takenBytes} and ${bytes} more; remove processes or files that hold blobs`,
  );
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function add(counts: Map<string, number>, key: string, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
