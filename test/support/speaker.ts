import { pino } from 'pino';
import * as z from 'zod';
import { defineExecutor, defineFunction } from '../../colony/executor.ts';
import { startWorker, type Worker } from '../../colony/worker.ts';
import type { TestColony } from './test-colony.ts';

/** A member's own executor, which says whatever its caller wants: what it says can stand in the place of any other output. */
const speaker = defineExecutor({
  type: 'speaker',
  functions: {
    say: defineFunction({
      description: 'Says what it is told',
      kwargs: z.object({ text: z.string() }),
      inputs: z.array(z.string()),
      output: z.string(),
      run: async ({ kwargs }) => kwargs.text,
    }),
  },
});

/** Starts it; its executor type is `speaker`, its function `say` with the argument `text`. */
export async function startSpeaker({ address: server, colonyName, colonyOwner }: TestColony): Promise<Worker> {
  const log = pino({ level: 'silent' });
  const worker = await startWorker(speaker, { type: 'speaker', server, colonyName, colonyIdentity: colonyOwner, log });
  await worker.ready;
  return worker;
}
