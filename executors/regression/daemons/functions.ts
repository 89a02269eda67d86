import * as z from 'zod';
import { defineFunction } from '../../../colony/executor.ts';
import { refusing } from '../../failures.ts';
import type { Turn } from '../contexts.ts';
import { readTraining, readTrainingRequest, type Training, type TrainingRequest } from '../training.ts';
import type { OpenRun } from './additive-keys.ts';
import type { CallTools, Turns } from './desk.ts';
import { findStop } from './statements.ts';

/** The shapes of functions that several daemons have: what they are called with, and how their bodies are guarded. */

const Text = z.string().max(2 ** 20);
const Iteration = z.int().min(0);

const RequestArguments = z.object({ request: Text });
const TrainingArguments = z.object({ training: Text });
const IterationArguments = z.object({ training: Text, iteration: Iteration });
const TurnArguments = z.object({ training: Text, iteration: Iteration, attempt: Iteration.default(0) });

/** Texts of the parents. */
type Inputs = readonly string[];

/** A function about a request that is no training yet. */
export function ofRequest(
  description: string,
  turns: Turns,
  body: (request: TrainingRequest, inputs: Inputs, tools: CallTools) => Promise<string>,
) {
  return defineFunction({
    description,
    kwargs: RequestArguments,
    inputs: z.array(z.string()),
    output: z.string(),
    run: ({ kwargs, inputs, ...call }) =>
      refusing(call.log, () => {
        const request = readTrainingRequest(kwargs.request);
        return turns.take(request.run, () => body(request, inputs, call));
      }),
  });
}

/**
 * Makes functions of a party whose bodies get its part of the run.
 *
 * @param open finds that part; refuses what the party does not take part in
 */
export function functionsOf<Run extends OpenRun>(
  turns: Turns,
  open: (training: Training, tools: CallTools) => Promise<Run>,
) {
  const inTurn = (text: string, call: CallTools, body: (run: Run) => Promise<string>): Promise<string> =>
    refusing(call.log, () => {
      const training = readTraining(text);
      return turns.take(training.parameters.run, async () => body(await open(training, call)));
    });
  const inputs = z.array(z.string());
  const output = z.string();
  const ofTurn = (
    description: string,
    body: (run: Run, turn: Turn, inputs: Inputs, tools: CallTools) => Promise<string>,
  ) =>
    defineFunction({
      description,
      kwargs: TurnArguments,
      inputs,
      output,
      run: ({ kwargs: { training, iteration, attempt }, inputs: given, ...call }) =>
        inTurn(training, call, (run) => body(run, { iteration, attempt }, given, call)),
    });
  return {
    /** A function of the set-up. */
    ofTraining: (description: string, body: (run: Run, inputs: Inputs, tools: CallTools) => Promise<string>) =>
      defineFunction({
        description,
        kwargs: TrainingArguments,
        inputs,
        output,
        run: ({ kwargs, inputs: given, ...call }) => inTurn(kwargs.training, call, (run) => body(run, given, call)),
      }),
    /** A function that begins or ends a block. */
    ofIteration: (
      description: string,
      body: (run: Run, iteration: number, inputs: Inputs, tools: CallTools) => Promise<string>,
    ) =>
      defineFunction({
        description,
        kwargs: IterationArguments,
        inputs,
        output,
        run: ({ kwargs, inputs: given, ...call }) =>
          inTurn(kwargs.training, call, (run) => body(run, kwargs.iteration, given, call)),
      }),
    /** A link between blocks. */
    ofTurn,
    /** A function of one iteration: where everybody is to stop, it says so to those behind it and does nothing. */
    ofRound: (description: string, body: (run: Run, turn: Turn, inputs: Inputs, tools: CallTools) => Promise<string>) =>
      ofTurn(
        description,
        async (run, turn, given, tools) =>
          (await findStop(run, given, tools.signal)) ?? (await body(run, turn, given, tools)),
      ),
  };
}
