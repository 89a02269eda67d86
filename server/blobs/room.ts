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
  const transfers = new Map<string, number>();
  const account: Account = { directory, limits, taken: new Map(), aheadBytes: 0 };
  const takePlace = ({ colonyName, memberId }: Transferrer): (() => void) => {
    const ofMember = `${colonyName}\n${memberId}`;
    requirePlace(transfers.get(colonyName), limits.maxTransfers.ofColony, 'of a colony');
    requirePlace(transfers.get(ofMember), limits.maxTransfers.ofMember, 'of one member');
    for (const key of [colonyName, ofMember]) add(transfers, key, 1);
    return () => {
      for (const key of [colonyName, ofMember]) add(transfers, key, -1);
    };
  };
  return {
    takePlace,
    async reserve(who, bytes, storedBytes) {
      const upload = new Upload(account, { colonyName: who.colonyName, bytes, storedBytes });
      upload.requireAllowed();
      const leavePlace = takePlace(who);
      const release = (): void => {
        leavePlace();
        upload.giveBack();
      };
      try {
        await upload.begin();
      } catch (thrown) {
        release();
        throw thrown;
      }
      return { release, fill: (body) => upload.fill(body) };
    },
  };
}

/** What all uploads together have taken. */
interface Account {
  readonly directory: string;
  readonly limits: RoomLimits;
  /** Bytes by colony. */
  readonly taken: Map<string, number>;
  /** What was taken and has not come yet. */
  aheadBytes: number;
}

/** An upload that was announced. */
interface Announced {
  readonly colonyName: string;
  readonly bytes: number;
  readonly storedBytes: () => number;
}

/** The room that one upload has taken. */
class Upload {
  readonly #account: Account;
  readonly #announced: Announced;
  #takenBytes = 0;
  #aheadBytes = 0;

  constructor(account: Account, announced: Announced) {
    this.#account = account;
    this.#announced = announced;
  }

  /** @throws Refusal 413, 507 */
  requireAllowed(): void {
    const { maxBlobBytes } = this.#account.limits;
    const { bytes } = this.#announced;
    if (bytes > maxBlobBytes)
      throw new Refusal(413, `Expected a blob of at most ${maxBlobBytes} bytes, got one of ${bytes}`);
    this.#requireShare(bytes);
  }

  /** Takes the first step, if the disk has room for all of them. @throws Refusal 507 */
  async begin(): Promise<void> {
    await this.#takeStep();
    await this.#requireDisk(this.#announced.bytes - this.#takenBytes);
  }

  async *fill(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let receivedBytes = 0;
    for await (const chunk of body) {
      receivedBytes += chunk.length;
      // A chunk is shorter than a step. What is longer than announced, whoever compares it refuses.
      if (this.#takenBytes < receivedBytes && this.#takenBytes < this.#announced.bytes) await this.#takeStep();
      yield chunk;
    }
  }

  giveBack(): void {
    add(this.#account.taken, this.#announced.colonyName, -this.#takenBytes);
    this.#account.aheadBytes -= this.#aheadBytes;
  }

  async #takeStep(): Promise<void> {
    const { colonyName, bytes } = this.#announced;
    const stepBytes = Math.min(STEP_BYTES, bytes - this.#takenBytes);
    this.#requireShare(stepBytes);
    add(this.#account.taken, colonyName, stepBytes);
    // What was taken before has come, and shows on the disk.
    this.#account.aheadBytes += stepBytes - this.#aheadBytes;
    this.#takenBytes += stepBytes;
    this.#aheadBytes = stepBytes;
    await this.#requireDisk(0);
  }

  #requireShare(moreBytes: number): void {
    const { maxColonyBytes } = this.#account.limits;
    const { colonyName, storedBytes } = this.#announced;
    const takenBytes = storedBytes() + (this.#account.taken.get(colonyName) ?? 0);
    if (takenBytes + moreBytes <= maxColonyBytes) return;
    throw new Refusal(
      507,
      `Expected at most ${maxColonyBytes} bytes of blobs in the colony, got ${takenBytes} and ${moreBytes} more; remove processes or files that hold blobs`,
    );
  }

  async #requireDisk(moreBytes: number): Promise<void> {
    const { directory, limits } = this.#account;
    const free = await freeBytes(directory);
    if (free - this.#account.aheadBytes - moreBytes < limits.keptFreeBytes)
      throw new Refusal(507, 'The disk of the server is full');
  }
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

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function add(counts: Map<string, number>, key: string, amount: number): void {
  const count = (counts.get(key) ?? 0) + amount;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
