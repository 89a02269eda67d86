import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ByteCollector } from '../byte-collector.ts';
import { ConnectionError, toError } from '../errors.ts';
import { unlessAborted } from '../limited-signal.ts';

/** One HTTP request whose body, or whose answer's body, is streamed: neither is ever held as a whole. */
export interface Exchange {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  /** What to upload; sent once the server has asked for it, or has said nothing for a moment. */
  readonly content?: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
  /** When nothing moves for so long, it is given up. */
  readonly stallMs: number;
  /** False for a certificate that cannot be checked. */
  readonly checkCertificate?: boolean | undefined;
}

/** The beginning of an answer; its body is still on its way. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The body, chunk by chunk as it is asked for. @throws ConnectionError `TIMEOUT` when nothing comes for `stallMs` */
  chunks(): AsyncGenerator<Buffer>;
  /** The body of a short answer, cut after 64 KiB. */
  text(): Promise<string>;
  /** Ends the connection, unless the answer has been read to its end. */
  drop(): void;
}

/** Servers that do not know the question (RFC 9110, section 10.1.1) say nothing: then the upload starts unasked. */
const ASK_MS = 2000;
const MAX_TEXT_BYTES = 64 * 1024;

/**
 * Sends a request and waits for the beginning of its answer.
 *
 * @throws the system's error, or ConnectionError `TIMEOUT`, when the connection fails; the signal's reason when that fires
 */
export async function exchange(options: Exchange): Promise<Answer> {
  const { url, method, headers, content, signal, checkCertificate = true } = options;
  signal?.throwIfAborted();
  const expectation = content === undefined ? {} : { expect: '100-continue' };
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(url, { method, headers: { ...headers, ...expectation }, rejectUnauthorized: checkCertificate });
  const response = answerTo(request, options);
  const abort = (): void => void request.destroy(toError(signal?.reason));
  signal?.addEventListener('abort', abort, { once: true });
  request.once('close', () => signal?.removeEventListener('abort', abort));
  try {
    return toAnswer(request, await response, options.stallMs);
  } catch (thrown) {
    request.destroy();
    signal?.throwIfAborted();
    throw thrown;
  }
}

function answerTo(request: ClientRequest, { content, stallMs }: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(stalled(stallMs)), stallMs);
    request.on('error', reject);
    request.once('close', () => clearTimeout(timer));
    request.once('response', (response) => {
      clearTimeout(timer);
      // Whoever reads the body hears of its failure; when nobody does, it is nobody's concern.
      response.on('error', () => {});
      resolve(response);
    });
    if (content === undefined) {
      request.end();
      return;
    }
    const unasked = setTimeout(() => begin(), ASK_MS);
    const begin = (): void => {
      clearTimeout(unasked);
      request.off('continue', begin);
      // A failed upload fails the request; one that was answered before its end has been refused.
      pipeline(Readable.from(noticing(content, () => timer.refresh())), request).catch(reject);
    };
    request
      .once('continue', begin)
      .once('response', () => clearTimeout(unasked))
      .once('close', () => clearTimeout(unasked));
    request.flushHeaders();
  });
}

async function* noticing(content: AsyncIterable<Uint8Array>, notice: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    notice();
    yield chunk;
  }
}

function toAnswer(request: ClientRequest, response: IncomingMessage, stallMs: number): Answer {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const parts: AsyncIterator<Buffer> = response.iterator();
    try {
      for (;;) {
        const { done, value } = await inTime(parts.next(), stallMs);
        if (done === true) return;
        yield value;
      }
    } finally {
      if (!response.complete || !request.writableEnded) request.destroy();
    }
  };
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    chunks,
    async text() {
      const bytes = new ByteCollector();
      for await (const chunk of chunks()) {
        bytes.add(chunk);
        if (bytes.byteCount > MAX_TEXT_BYTES) break;
      }
      return bytes.join().toString();
    },
    drop() {
      const isShort =
        request.method === 'HEAD' || Number(response.headers['content-length'] ?? Infinity) < MAX_TEXT_BYTES;
      if (isShort && request.writableEnded) response.resume();
      else request.destroy();
    },
  };
}

async function inTime<T>(promise: Promise<T>, stallMs: number): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(stalled(stallMs)), stallMs);
  try {
    return await unlessAborted(promise, late.signal);
  } finally {
    clearTimeout(timer);
  }
}

function stalled(stallMs: number): ConnectionError {
  return new ConnectionError(`nothing for ${stallMs} ms`, { code: 'TIMEOUT' });
}
