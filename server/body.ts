import type { IncomingMessage } from 'node:http';
import { ByteCollector } from '../colony/byte-collector.ts';

/** Why a body could not be read. */
export type BodyFault = 'too large' | 'too many' | 'stalled' | 'cut off';

/** Reads the bodies of requests, whoever sends them. */
export interface BodyReader {
  /** The whole body, or why it could not be read. */
  read(incoming: IncomingMessage): Promise<Buffer | BodyFault>;
}

/** What bodies may cost. */
export interface BodyLimits {
  /** The largest body. */
  readonly maxBodyBytes: number;
  /** What all bodies that are being received may hold together, beyond the first bytes of each. */
  readonly maxReceivedBytes: number;
  /** A body of which nothing comes for so long is given up. */
  readonly stallMs: number;
}

/**
 * So much of each body is not counted: however many large bodies strangers leave unfinished, small requests, which are
 * nearly all, still come through.
 */
const UNCOUNTED_BYTES = 64 * 1024;
/** Whoever sends a little now and then has so long in all. */
const MAX_BODY_MS = 300_000;

/**
 * Creates a reader. It reads from the socket rather than through a `Request`, which costs more than the rest of a small
 * answer. What is refused is read on and thrown away, so that its sender comes to read the refusal.
 */
export function createBodyReader({ maxBodyBytes, maxReceivedBytes, stallMs }: BodyLimits): BodyReader {
  let heldBytes = 0;
  return {
    read: (incoming) =>
      new Promise((resolve) => {
        let body = new ByteCollector();
        let countedBytes = 0;
        const settle = (outcome: Buffer | BodyFault): void => {
          clearTimeout(timer);
          heldBytes -= countedBytes;
          countedBytes = 0;
          body = new ByteCollector();
          incoming.off('data', take).resume();
          resolve(outcome);
        };
        const take = (chunk: Buffer): void => {
          timer.refresh();
          body.add(chunk);
          const countable = Math.max(0, body.byteCount - UNCOUNTED_BYTES) - countedBytes;
          heldBytes += countable;
          countedBytes += countable;
          if (body.byteCount > maxBodyBytes) settle('too large');
          else if (countable > 0 && heldBytes > maxReceivedBytes) settle('too many');
          else if (performance.now() - startedAt > MAX_BODY_MS) settle('stalled');
        };
        const timer = setTimeout(() => settle('stalled'), stallMs);
        const startedAt = performance.now();
        incoming.on('data', take);
        incoming.once('end', () => settle(body.join()));
        incoming.once('close', () => settle('cut off'));
      }),
  };
}
