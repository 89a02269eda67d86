import { defineCommand } from '../command.ts';
import type { Context } from '../framework/context.ts';
import { doneReport } from '../framework/report.ts';
import { formatDuration } from '../framework/text.ts';

/** `colonies server alive` */
export const serverAlive = defineCommand({
  describe: 'Say whether the server answers; exit code 1 when it does not',
  details: 'Asks GET /health, for which no key is needed.',
  options: {
    timeout: { type: 'number', describe: 'seconds to wait for the answer', default: 5, minimum: 0.001, fraction: true },
  },
  examples: [['server alive || systemctl restart colonies', 'in a script that watches over the server']],
  async run({ timeout }, context) {
    const { apiUrl, formatAddress } = await import('../../colony/address.ts');
    const { server } = await context.environment();
    const address = formatAddress(server);
    const startMs = performance.now();
    await requireHealth(new URL('/health', apiUrl(server)), address, timeout * 1000, context);
    const roundTripMs = performance.now() - startMs;
    return doneReport(`The server at ${address} is alive (${formatDuration(roundTripMs)})`, { address, roundTripMs });
  },
});

async function requireHealth(url: URL, address: string, timeoutMs: number, { io }: Context): Promise<void> {
  const { toError, UserError } = await import('../../colony/errors.ts');
  const fail = (what: string, cause?: unknown): never => {
    throw new UserError(`${address}: expected a server that answers GET /health, got ${what}`, { cause });
  };
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.any([io.signal, AbortSignal.timeout(timeoutMs)]),
  }).catch((thrown: unknown) => {
    const error = toError(thrown);
    return fail(error.name === 'TimeoutError' ? `nothing within ${timeoutMs / 1000} s` : reasonOf(error), thrown);
  });
  await response.body?.cancel();
  if (!response.ok) fail(`status ${response.status}`);
}

/** What fetch hides behind "fetch failed". */
function reasonOf({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return `"${message}"`;
  return `"${cause.message === '' && 'code' in cause ? String(cause.code) : cause.message}"`;
}
