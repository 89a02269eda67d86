import { defineExecutor } from '../../colony/executor.ts';
import { sumProducts } from './daemons/additive-aggregator.ts';
import { aggregate, deal, sumPredictions } from './daemons/aggregator-rounds.ts';
import { type Desk, requireRole, Turns } from './daemons/desk.ts';
import { functionsOf } from './daemons/functions.ts';

/**
 * The aggregator's daemon: adds encrypted predictions. It holds neither data nor, in single-key mode, any key.
 *
 * Leakage: how many rows there are, who answers, and when. In threshold mode it deals the key and is trusted to forget it.
 */
export function defineAggregator(desk: Desk) {
  const { ofTraining, ofIteration, ofRound } = functionsOf(new Turns(), async (training) => {
    requireRole(desk, training, 'aggregator');
    return { desk, training };
  });
  return defineExecutor({
    type: 'regression-aggregator',
    functions: {
      regression_deal: ofTraining('Makes a key and deals shares of it', deal),
      regression_aggregate: ofRound('Adds encrypted labels and predictions', aggregate),
      regression_sum_predictions: ofIteration('Adds encrypted predictions', sumPredictions),
      regression_sum_products: ofRound('Adds encrypted parts of gradients', sumProducts),
    },
  });
}
