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
  /** So many uploads and downloads at the same time. */
  readonly maxTransfers: { readonly ofColony: number; readonly ofMember: number };
}

/** Who transfers. */
interface Transferrer {
  readonly colonyName: string;
  readonly memberId: string;
}

/**
 * Keeps count of what is being transferred, so that not all of it is let in because none of it is stored yet.
 *
 * Room is taken as bytes come, a step ahead: whoever announces much and sends little keeps no room from others. So of
 * several large uploads at the same time the last ones may be refused in their middle.
 */
export interface Room {
  /**
   * Takes a place for an upload and room for its first step.
   *
   * @param storedBytes tells what the colony has stored
   * @throws Refusal 413 for a blob that is too large, 507 when the colony's share or the disk is full, 503 when the
   * colony or its member transfers too much at the same time
   */
  reserve(who: Transferrer, bytes: number, storedBytes: () => number): Promise<Reservation>;
  /** Takes a place for a download until the result is called. @throws Refusal 503 */
  takePlace(who: Transferrer): () => void;
}

/** The room of one upload. */
interface Reservation {
  /** Hands on what comes, once there is room for it. @throws Refusal 507 when there is none any more */
  fill(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer>;
  release(): void;
}

/** @param directory where blobs are stored */
export function createRoom(directory: string, limits: RoomLimits): Room {
  const [taken, transfers] = [new Map<string, number>(), new Map<string, number>()];
  /** What was taken and has not come yet. */
  let aheadBytes = 0;
  const takePlace = ({ colonyName, memberId }: Transferrer): (() => void) => {
    const ofMember = `${colonyName}:${memberId}`;
    requirePlace(transfers.get(colonyName), limits.maxTransfers.ofColony, 'of a colony');
    requirePlace(transfers.get(ofMember), limits.maxTransfers.ofMember, 'of one member');
    for (const key of [colonyName, ofMember]) add(transfers, key, 1);
    return () => {
      for (const key of [colonyName, ofMember]) add(transfers, key, -1);
    };
  };
  const requireDisk = async (moreBytes: number): Promise<void> => {
    const free = await freeBytes(directory);
    if (free - aheadBytes - moreBytes < limits.keptFreeBytes) throw new Refusal(507, 'The disk of the server is full');
  };
  return {
    takePlace,
    async reserve(who, bytes, storedBytes) {
      const { colonyName } = who;
      const takenBytes = (): number => storedBytes() + (taken.get(colonyName) ?? 0);
      requireAllowed(limits, bytes, takenBytes());
      const leavePlace = takePlace(who);
      let [ownBytes, ownAhead] = [0, 0];
      const takeStep = async (): Promise<void> => {
        const stepBytes = Math.min(STEP_BYTES, bytes - ownBytes);
        requireShare(limits, takenBytes(), stepBytes);
        add(taken, colonyName, stepBytes);
        // What was taken before has come, and shows on the disk.
        aheadBytes += stepBytes - ownAhead;
        [ownBytes, ownAhead] = [ownBytes + stepBytes, stepBytes];
        await requireDisk(0);
      };
      const release = (): void => {
        leavePlace();
        add(taken, colonyName, -ownBytes);
        aheadBytes -= ownAhead;
      };
      try {
        await takeStep();
        await requireDisk(bytes - ownBytes);
      } catch (thrown) {
        release();
        throw thrown;
      }
      return {
        release,
        async *fill(body) {
          let receivedBytes = 0;
          for await (const chunk of body) {
            receivedBytes += chunk.length;
            // A chunk is shorter than a step. What is longer than announced, whoever compares it refuses.
            if (ownBytes < receivedBytes && ownBytes < bytes) await takeStep();
            yield chunk;
          }
        },
      };
    },
  };
}

/** So much room is taken at once. */
const STEP_BYTES = 4 * 1024 ** 2;

function requirePlace(count = 0, limit: number, whose: string): void {
  if (count < limit) return;
  throw new Refusal(
    503,
    `Expected at most ${limit} transfers of blobs ${whose} at the same time, got one more; try again later`,
  );
}

function requireAllowed(limits: RoomLimits, bytes: number, takenBytes: number): void {
  const { maxBlobBytes } = limits;
  if (bytes > maxBlobBytes)
    throw new Refusal(413, `Expected a blob of at most ${maxBlobBytes} bytes, got one of ${bytes}`);
  requireShare(limits, takenBytes, bytes);
}

function requireShare({ maxColonyBytes }: RoomLimits, takenBytes: number, bytes: number): void {
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
