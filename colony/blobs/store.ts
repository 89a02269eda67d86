import { createHash } from 'node:crypto';
import { DEFAULT_RETRY, type RetryPolicy } from '../back-off.ts';
import { ColonyError, type ConnectionError } from '../errors.ts';
import type { Answer } from './exchange.ts';
import { createPatience, persevere, type Persistence } from './persistence.ts';
import { type BlobReference, digestOf } from './reference.ts';
import { type BlobSource, measure, type MeasuredContent } from './source.ts';

/** What a single call may do differently. */
export interface BlobCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Storage for values that are too large for a process. What is stored is named by its content, so it cannot be changed,
 * only be missing: whoever gets a blob gets the bytes that were put, or an error.
 *
 * All methods throw ConnectionError when the storage cannot be reached for longer than the retry policy bridges, other
 * {@link ColonyError}s when it refuses, and the signal's reason when that fires.
 */
export interface BlobStore {
  /** Whether there is a storage at all: a Colonies server that has none, and no S3 settings, means no. */
  isAvailable(options?: BlobCallOptions): Promise<boolean>;
  /** Stores content, unless it is stored already. Resolves once the storage has confirmed all of it. */
  put(source: BlobSource, options?: BlobCallOptions): Promise<BlobReference>;
  /**
   * The bytes of a blob, as the storage sends them; a lost connection is resumed where it broke. They are checked while
   * they arrive, and the last ones are given out only when all are right, else this throws `BLOB_DAMAGED`: a stream that
   * has ended was whole, one that has not may have been changed.
   */
  get(reference: BlobReference, options?: BlobCallOptions): AsyncGenerator<Buffer>;
  /** Whether the blob is stored, as long as the reference says. */
  has(reference: BlobReference, options?: BlobCallOptions): Promise<boolean>;
}

/** A place where blobs lie; each method makes one attempt. */
export interface BlobBackend {
  /** For messages; holds no secret. */
  readonly name: string;
  isAvailable(signal: AbortSignal | undefined): Promise<boolean>;
  upload(content: MeasuredContent, signal: AbortSignal | undefined): Promise<void>;
  /** An answer whose body are the bytes from `offset` on. */
  download(reference: BlobReference, offset: number, signal: AbortSignal | undefined): Promise<Answer>;
  has(reference: BlobReference, signal: AbortSignal | undefined): Promise<boolean>;
}

/** How a store behaves. */
export interface BlobStoreOptions {
  /** How long lost connections are bridged; 10 s unless told otherwise, counted anew after every progress. */
  readonly retry?: Partial<RetryPolicy> | undefined;
  /** Ends every call. */
  readonly signal?: AbortSignal | undefined;
  /** Told before every pause. */
  readonly onRetry?: ((error: ConnectionError) => void) | undefined;
}

/** A store that puts blobs to a place, and checks what it gets from there. */
export function createStore(backend: BlobBackend, options: BlobStoreOptions = {}): BlobStore {
  const persistenceOf = ({ signal }: BlobCallOptions): Persistence => ({
    retry: { ...DEFAULT_RETRY, ...options.retry },
    signal: eitherSignal(options.signal, signal),
    onRetry: options.onRetry,
  });
  const where = (verb: string): string => `${verb} blob, ${backend.name}`;
  return {
    isAvailable(call = {}) {
      const persistence = persistenceOf(call);
      return persevere(where('look for'), persistence, () => backend.isAvailable(persistence.signal));
    },
    async put(source, call = {}) {
      const persistence = persistenceOf(call);
      await using content = await measure(source, persistence.signal);
      await persevere(where('put'), persistence, () => backend.upload(content, persistence.signal));
      return content.reference;
    },
    get: (reference, call = {}) => download(backend, where('get'), reference, persistenceOf(call)),
    has(reference, call = {}) {
      const persistence = persistenceOf(call);
      return persevere(where('look for'), persistence, () => backend.has(reference, persistence.signal));
    },
  };
}

/** `AbortSignal.any` keeps nothing alive that its parts do not; one of two needs nothing new. */
function eitherSignal(first: AbortSignal | undefined, second: AbortSignal | undefined): AbortSignal | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return AbortSignal.any([first, second]);
}

async function* download(
  backend: BlobBackend,
  where: string,
  reference: BlobReference,
  persistence: Persistence,
): AsyncGenerator<Buffer> {
  const patience = createPatience(where, persistence);
  const hash = createHash('sha256');
  let received = 0;
  let answer: Answer | undefined;
  // The latest chunk is held back: the last one of all must not be given out before everything is checked.
  let held: Buffer = Buffer.alloc(0);
  try {
    do {
      try {
        answer = await backend.download(reference, received, persistence.signal);
        for await (const chunk of answer.chunks()) {
          persistence.signal?.throwIfAborted();
          patience.progress();
          hash.update(chunk);
          received += chunk.length;
          if (received > reference.bytes) throw damaged(where, reference, 'more bytes');
          if (held.length > 0) yield held;
          held = chunk;
        }
        if (received < reference.bytes) throw damaged(where, reference, `${received}`);
      } catch (thrown) {
        await patience.afterFailure(thrown);
      }
    } while (received < reference.bytes);
  } finally {
    answer?.drop();
  }
  if (hash.digest('hex') !== digestOf(reference.blob)) throw damaged(where, reference, 'others');
  if (held.length > 0) yield held;
}

function damaged(where: string, { blob, bytes }: BlobReference, got: string): ColonyError {
  return new ColonyError(`${where}: expected the ${bytes} bytes of ${blob}, got ${got}; they were changed or cut`, {
    code: 'BLOB_DAMAGED',
  });
}
