import { expect, test } from 'vitest';
import { validateGraph } from '../../server/graph.ts';
import {
  finishWorkflow,
  fittingBlock,
  restartWorkflow,
  setupWorkflow,
  surveyWorkflow,
} from '../../workflows/vertical-regression/builder.ts';
import { predictionWorkflow } from '../../workflows/vertical-regression/prediction-builder.ts';
import type { FunctionSpec } from '../../colony/messages/processes.ts';
import type { TrainingGraph } from '../../workflows/vertical-regression/nodes.ts';

/** The graph of a training with the most feature parties that there may be. */
function graphOf(mode: 'single-key' | 'cubic' | 'threshold' | 'additive', parties = 32): TrainingGraph {
  const features = Array.from({ length: parties }, (_, index) => `x${index}`);
  return {
    run: 'large',
    label: 'y',
    features,
    aggregator: 'regression-aggregator',
    training: '{}',
    openers: mode === 'threshold' ? ['y', ...features] : ['y'],
    hasPowers: mode === 'cubic',
    hasDealer: mode === 'threshold',
    opensLoss: mode === 'threshold',
    isAdditive: mode === 'additive',
  };
}

/** @throws InvalidGraphError when the embedded server would not take it */
function requireAccepted(specs: readonly FunctionSpec[]): void {
  validateGraph(specs.map(({ nodeName, conditions }) => ({ nodeName, dependencies: conditions.dependencies })));
}

test.each(['single-key', 'cubic', 'threshold', 'additive'] as const)(
  'the embedded server takes every workflow of a training of 32 feature parties: %s',
  (mode) => {
    const graph = graphOf(mode);
    for (const wanted of [1, 10, 40]) {
      const { to, specs } = fittingBlock(graph, { from: 7, to: 7 + wanted, attempt: 0 });
      requireAccepted(specs);
      expect(to).toBeGreaterThan(7);
      expect(to).toBeLessThanOrEqual(7 + wanted);
      const last = specs.at(-1);
      expect(last).toMatchObject({ nodeName: 'continue', kwargs: { iteration: to } });
    }
    requireAccepted(surveyWorkflow(graph, '{}'));
    requireAccepted(setupWorkflow(graph));
    requireAccepted(restartWorkflow(graph, 1));
    requireAccepted(finishWorkflow(graph, { iteration: 9, attempt: 0, heldOut: true }));
    requireAccepted(predictionWorkflow({ prediction: 'later', label: 'y', features: graph.features }, '{}'));
  },
);

test('a block of few parties has as many iterations as were asked for', () => {
  for (const mode of ['single-key', 'cubic', 'threshold', 'additive'] as const) {
    expect(fittingBlock(graphOf(mode, 3), { from: 0, to: 40, attempt: 2 }).to).toBe(40);
  }
});
