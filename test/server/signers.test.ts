import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { generateIdentity, sign } from '../../colony/identity.ts';
import { InvalidSignatureError } from '../../colony/signature-recovery.ts';
import { createSigners, type Signed, type Signers, startSignerThread } from '../../server/signers.ts';
import { until } from '../support/processes.ts';

const identities = Array.from({ length: 5 }, generateIdentity);

/** Texts by several signers, every seventh with a signature that nobody can have made. */
const wave: readonly (Signed & { readonly id: string | undefined })[] = Array.from({ length: 70 }, (_, index) => {
  const identity = identities[index % identities.length] ?? generateIdentity();
  const payload = `payload ${index}`;
  const isBad = index % 7 === 6;
  return { payload, signature: isBad ? '00'.repeat(65) : sign(payload, identity), id: isBad ? undefined : identity.id };
});

async function recoverAll(signers: Signers): Promise<(string | undefined)[]> {
  return await Promise.all(
    wave.map((signed) =>
      signers.recover(signed).catch((thrown: unknown) => {
        if (thrown instanceof InvalidSignatureError) return undefined;
        throw thrown;
      }),
    ),
  );
}

const expected = wave.map(({ id }) => id);

test('everybody is told the right signer, before threads have started, while they run or have much to do, and when one has died', async () => {
  const threads: Worker[] = [];
  const failures: Error[] = [];
  let readyCount = 0;
  const start = (): Worker => {
    const thread = startSignerThread();
    thread.on('message', (message) => (readyCount += message === 'ready' ? 1 : 0));
    threads.push(thread);
    return thread;
  };
  const signers = createSigners((error) => failures.push(error), 2, start);
  expect(await recoverAll(signers)).toEqual(expected);
  await until(() => readyCount === 2);
  expect(await recoverAll(signers)).toEqual(expected);
  const many = recoverAll(signers);
  await new Promise((resolve) => setImmediate(resolve));
  const [late] = await Promise.all(wave.slice(0, 1).map((signed) => signers.recover(signed)));
  expect([late, ...(await many)]).toEqual([expected[0], ...expected]);
  const [dying] = threads;
  const asked = recoverAll(signers);
  await dying?.terminate();
  expect(await asked).toEqual(expected);
  await until(() => failures.length === 1);
  expect(await recoverAll(signers)).toEqual(expected);
  const ended = Promise.all(threads.slice(1).map((thread) => once(thread, 'exit')));
  await signers.stop();
  await ended;
});

test('threads that cannot run are not started for ever, and everybody is told the right signer without them', async () => {
  let startedCount = 0;
  const failures: Error[] = [];
  const start = (): Worker => {
    startedCount += 1;
    return new Worker('process.exit(1)', { eval: true });
  };
  const signers = createSigners((error) => failures.push(error), 1, start);
  for (let wavesLeft = 15; wavesLeft > 0; wavesLeft -= 1) {
    expect(await recoverAll(signers)).toEqual(expected);
    await until(() => failures.length === startedCount);
  }
  expect(startedCount).toBe(10);
  await signers.stop();
});

test('without another processor everything is done at once', async () => {
  const signers = createSigners(
    (error) => expect.unreachable(error.message),
    0,
    () => expect.unreachable('a thread was started'),
  );
  expect(await recoverAll(signers)).toEqual(expected);
  await signers.stop();
});
