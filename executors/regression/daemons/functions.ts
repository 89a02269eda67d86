import * as z from 'zod';
import { defineFunction } from '../../../colony/executor.ts';
import { refusing } from '../../failures.ts';
import type { Turn } from '../contexts.ts';
import { readTraining, readTrainingRequest, type Training, type TrainingRequest } from '../training.ts';
import type { CallTools, Turns } from './desk.ts';

/** The shapes of functions that several daemons have: what they are called with, and how their bodies are guarded. */

const Text = z.string().max(2 ** 20);
const Iteration = z.int().min(0);

const RequestArguments = z.object({ request: Text });
const TrainingArguments = z.object({ training: Text });
const IterationArguments = z.object({ training: Text, iteration: Iteration });
const TurnArguments = z.object({ training: Text, iteration: Iteration, attempt: Iteration.default(0) });

/** The longest input is a forward message with its ciphertexts inside. */
const Inputs = z.array(z.string());

/** A function about a request that is no training yet. */
export function ofRequest(
  description: string,
  turns: Turns,
  body: (request: TrainingRequest, inputs: readonly string[], tools: CallTools) => Promise<string>,
) {
  return defineFunction({
    description,
    kwargs: RequestArguments,
    inputs: Inputs,
    output: z.string(),
    run: ({ kwargs, inputs, ...call }) =>
      refusing(call.log, () => {
        const request = readTrainingRequest(kwargs.request);
        return turns.take(request.run, () => body(request, inputs, call));
      }),
  });
}

/** A function of the set-up. */
export function ofTraining(
  description: string,
  turns: Turns,
  body: (training: Training, inputs: readonly string[], tools: CallTools) => Promise<string>,
) {
  return defineFunction({
    description,
    kwargs: TrainingArguments,
    inputs: Inputs,
    output: z.string(),
    run: ({ kwargs, inputs, ...call }) =>
      refusing(call.log, () => {
        const training = readTraining(kwargs.training);
        return turns.take(training.parameters.run, () => body(training, inputs, call));
      }),
  });
}

/** A function that begins or ends a block. */
export function ofIteration(
  description: string,
  turns: Turns,
  body: (training: Training, iteration: number, inputs: readonly string[], tools: CallTools) => Promise<string>,
) {
  return defineFunction({
    description,
    kwargs: IterationArguments,
    inputs: Inputs,
    output: z.string(),
    run: ({ kwargs, inputs, ...call }) =>
      refusing(call.log, () => {
        const training = readTraining(kwargs.training);
        return turns.take(training.parameters.run, () => body(training, kwargs.iteration, inputs, call));
      }),
  });
}

/** A function of one iteration. */
export function ofTurn(
  description: string,
  turns: Turns,
  body: (training: Training, turn: Turn, inputs: readonly string[], tools: CallTools) => Promise<string>,
) {
  return defineFunction({
    description,
    kwargs: TurnArguments,
    inputs: Inputs,
    output: z.string(),
    run: ({ kwargs, inputs, ...call }) =>
      refusing(call.log, () => {
        const training = readTraining(kwargs.training);
        const { iteration, attempt } = kwargs;
        return turns.take(training.parameters.run, () => body(training, { iteration, attempt }, inputs, call));
      }),
  });
}
