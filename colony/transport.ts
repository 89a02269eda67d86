import { formatAddress, type ServerAddress } from './address.ts';
import { pauseMs, type RetryPolicy, sleep } from './back-off.ts';
import { ByteCollector } from './byte-collector.ts';
import { ConnectionError, toError } from './errors.ts';
import { limitSignal, unlessAborted } from './limited-signal.ts';

/** One request as it goes over HTTP, and how far to go for an answer. */
export interface Post {
  readonly url: URL;
  readonly server: ServerAddress;
  readonly messageType: string;
  /** The bytes to send; asked before every attempt. */
  readonly body: () => string;
  /**
   * Asked once the answer of an attempt is lost, so that nobody knows whether it was executed: whether executing the
   * request again does no harm. An attempt that certainly never reached the server is repeated without asking.
   */
  readonly isRepeatable: () => Promise<boolean>;
  readonly retry: RetryPolicy;
  /** The longest one attempt may take. */
  readonly timeoutMs: number;
  /** A longer answer is not read to its end. */
  readonly maxReplyBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Told before every pause. */
  readonly onRetry?: ((error: ConnectionError) => void) | undefined;
}

/** An HTTP answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The server has done nothing, and says when to ask again. */
  readonly retryAfterMs: number | undefined;
}

/** The request never left, or was turned away before a Colonies server began with it. */
const NOT_REACHED = new Set([
  'BUSY',
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'UNAVAILABLE',
]);
/** The request may have been executed although its answer is lost. */
const ANSWER_LOST = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'BAD_GATEWAY',
  'TIMEOUT',
]);

/** Whether a code says that a connection was lost, or never came about: what may be repeated is worth another attempt. */
export function isLostConnection(code: string): boolean {
  return NOT_REACHED.has(code) || ANSWER_LOST.has(code);
}

/** Whether what ended with this code may have been executed all the same. */
export function mayHaveArrived(code: string): boolean {
  return !NOT_REACHED.has(code);
}

/**
 * Posts a request until an answer arrives, with growing pauses, for as long as the policy allows. A server that asks for
 * patience is asked again when it says; what it answers last is the answer.
 *
 * @throws ConnectionError when no answer arrived; its `code` says what happened last
 */
export async function post(request: Post): Promise<Answer> {
  const startedAt = performance.now();
  for (let attempt = 0; ; attempt++) {
    request.signal?.throwIfAborted();
    const { answer, error } = await postOnce(request);
    if (error === undefined) return answer;
    // Many clients may have been told the same pause.
    const pause = pauseMs(request.retry, attempt) + (answer?.retryAfterMs ?? 0);
    const isTimeLeft = performance.now() - startedAt + pause < request.retry.forMs;
    if (!isTimeLeft || !(await mayRepeat(error, request))) {
      if (answer === undefined) throw error;
      return answer;
    }
    request.onRetry?.(error);
    await sleep(pause, request.signal);
  }
}

/** An answer, why there is none, or both: an answer that asks for patience. */
type Outcome =
  | { readonly answer: Answer; readonly error: undefined }
  | { readonly answer: Answer | undefined; readonly error: ConnectionError };

async function postOnce(request: Post): Promise<Outcome> {
  try {
    const answer = await attemptPost(request);
    if (answer.retryAfterMs === undefined) return { answer, error: undefined };
    return { answer, error: connectionError(request, askedForPatience(answer)) };
  } catch (thrown) {
    request.signal?.throwIfAborted();
    return { answer: undefined, error: connectionError(request, thrown) };
  }
}

async function attemptPost(request: Post): Promise<Answer> {
  const { timeoutMs, maxReplyBytes } = request;
  const timedOut = (): Error => new ConnectionError(`no answer within ${timeoutMs} ms`, { code: 'TIMEOUT' });
  using limit = limitSignal(request.signal, timeoutMs, timedOut);
  const fetched = fetch(request.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: request.body(),
    redirect: 'error',
    signal: limit.signal,
  });
  const response = await unlessAborted(fetched, limit.signal);
  const body = await readBody(response, maxReplyBytes, limit.signal);
  if (isFromProxy(response.status, body)) {
    throw new ConnectionError(`the way to the server answered ${response.status}`, {
      code: response.status === 503 ? 'UNAVAILABLE' : 'BAD_GATEWAY',
    });
  }
  return { status: response.status, body, retryAfterMs: readRetryAfter(response) };
}

/** Too many requests, too busy, no room: with these the server has not begun, and may be better soon. */
const MAY_PASS = new Set([429, 503, 507]);

/** The pause that a refusal asks for in seconds (RFC 9110, section 10.2.3). */
function readRetryAfter({ status, headers }: Response): number | undefined {
  const seconds = headers.get('retry-after') ?? '';
  return MAY_PASS.has(status) && /^\d{1,6}$/u.test(seconds) ? Number(seconds) * 1000 : undefined;
}

function askedForPatience({ status, retryAfterMs = 0 }: Answer): ConnectionError {
  return new ConnectionError(`${status} and the wish to be asked again in ${retryAfterMs / 1000} s`, { code: 'BUSY' });
}

/**
 * Reads an answer to its end. The signal is listened to here, not only by `fetch`, which holds it weakly once the headers
 * have come: after a garbage collection a body that drips would be read for ever.
 */
async function readBody(response: Response, maxBytes: number, signal: AbortSignal): Promise<string> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const bytes = new ByteCollector();
  try {
    for (;;) {
      const { done, value } = await unlessAborted(reader.read(), signal);
      if (done) return new TextDecoder().decode(bytes.join());
      bytes.add(value);
      if (bytes.byteCount > maxBytes) throw tooLong(maxBytes);
    }
  } catch (thrown) {
    reader.cancel(thrown).catch(() => {});
    throw thrown;
  }
}

function tooLong(maxBytes: number): ConnectionError {
  return new ConnectionError(`more than ${maxBytes} bytes`, { code: 'REPLY_TOO_LONG' });
}

/** A proxy answers for a server that is away; a Colonies server wraps its own 503 in an envelope. */
function isFromProxy(status: number, body: string): boolean {
  return (status === 502 || status === 503 || status === 504) && !body.trimStart().startsWith('{');
}

async function mayRepeat(error: ConnectionError, request: Post): Promise<boolean> {
  const code = error.code ?? '';
  return NOT_REACHED.has(code) || (ANSWER_LOST.has(code) && (await request.isRepeatable()));
}

function connectionError({ messageType, server }: Post, thrown: unknown): ConnectionError {
  const code = codeOf(thrown);
  return new ConnectionError(
    `${messageType}: expected an answer of the Colonies server at ${formatAddress(server)}, got ` +
      `${reasonOf(thrown, code)}${adviceFor(code)}`,
    { code, cause: thrown },
  );
}

/** The code of the innermost cause that has one: fetch wraps the socket's error, at times twice. */
export function codeOf(thrown: unknown): string {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return 'NO_ANSWER';
}

function reasonOf(thrown: unknown, code: string): string {
  if (thrown instanceof ConnectionError) return thrown.message;
  return code === 'NO_ANSWER' ? toError(thrown).message : code;
}

function adviceFor(code: string): string {
  if (code === 'ECONNREFUSED') return '; is it running?';
  if (ANSWER_LOST.has(code)) return '; it may have been executed all the same';
  if (code === 'REPLY_TOO_LONG') return '; allow more with maxReplyBytes if that is what you asked for';
  if (code === 'ENOTFOUND') return '; check COLONIES_SERVER_HOST';
  if (/SSL|TLS|CERT|EPROTO|SELF_SIGNED|UNABLE_TO_VERIFY/u.test(code)) {
    return '; check COLONIES_TLS and the certificate (NODE_EXTRA_CA_CERTS=<PEM file> adds one that no authority signed)';
  }
  return '';
}
