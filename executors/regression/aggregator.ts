import { defineExecutor } from '../../colony/executor.ts';
import { aggregate, deal, sumPredictions } from './daemons/aggregator-rounds.ts';
import { type Desk, requireRole, Turns } from './daemons/desk.ts';
import { ofIteration, ofTraining, ofTurn } from './daemons/functions.ts';

/**
 * The aggregator's daemon: adds encrypted predictions. It holds neither data nor, in single-key mode, any key.
 *
 * Leakage: how many rows there are, who answers, and when. In threshold mode it deals the key and is trusted to forget it.
 */
export function defineAggregator(desk: Desk) {
  const turns = new Turns();
  return defineExecutor({
    type: 'regression-aggregator',
    functions: {
      regression_deal: ofTraining('Makes a key and deals shares of it', turns, (training, inputs, tools) => {
        requireRole(desk, training, 'aggregator');
        return deal(desk, training, inputs, tools);
      }),
      regression_aggregate: ofTurn('Adds encrypted labels and predictions', turns, (training, turn, inputs, tools) => {
        requireRole(desk, training, 'aggregator');
        return aggregate(desk, training, turn, inputs, tools);
      }),
      regression_sum_predictions: ofIteration(
        'Adds encrypted predictions',
        turns,
        (training, request, inputs, tools) => {
          requireRole(desk, training, 'aggregator');
          return sumPredictions(desk, training, request, inputs, tools);
        },
      ),
    },
  });
}
