import type { IncomingMessage } from 'node:http';
import { Refusal } from '../refusal.ts';

/** Slower than this much in a time in which something must come, a sender only keeps a place. */
const LEAST_BYTES = 64 * 1024;

/**
 * The body of a request, chunk by chunk as its reader asks for it: who does not ask stops the sender.
 *
 * @param stallMs in any such time something must come, and {@link LEAST_BYTES} on the whole
 * @throws Refusal 408 otherwise; what the connection fails with when it ends too early
 */
export async function* pacedBody(request: IncomingMessage, stallMs: number): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = request.iterator({ destroyOnReturn: false });
  let [windowStart, windowBytes] = [performance.now(), 0];
  for (;;) {
    const { done, value } = await within(chunks.next(), stallMs);
    if (done === true) return;
    windowBytes += value.length;
    yield value;
    const now = performance.now();
    if (now - windowStart < stallMs) continue;
    if (windowBytes < LEAST_BYTES) throw stalled();
    [windowStart, windowBytes] = [now, 0];
  }
}

/** Also when it is too late for the value, its failure is nobody's surprise. */
async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(stalled()), limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function stalled(): Refusal {
  return new Refusal(408, 'The blob did not arrive in time');
}
