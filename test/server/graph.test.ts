import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  descendants,
  type GraphNodeSpec,
  joinOutputs,
  layOut,
  STATE,
  validateGraph,
  workflowState,
} from '../../server/graph.ts';

const node = (nodeName: string, ...dependencies: string[]): GraphNodeSpec => ({ nodeName, dependencies });

/** DAGs of up to 12 nodes in shuffled order. */
const dags = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((drawn) =>
    drawn.map((picks, index) =>
      node(`n${index}`, ...new Set(index === 0 ? [] : picks.map((pick) => `n${pick % index}`))),
    ),
  )
  .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));

const seeded = { seed: 20261120, numRuns: 200 };

describe('a workflow is refused', () => {
  test.each([
    ['without nodes', [], 'Failed to submit workflow, the workflow has no nodes'],
    ['when a node has no name', [node('')], 'Nodename is missing, check function spec for errors'],
    ['when two nodes share a name', [node('a'), node('a')], 'Duplicate nodename: a'],
    [
      'when a node depends on an unknown one',
      [node('a', 'ghost')],
      'Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits? (a depends on ghost)',
    ],
    [
      'when a node depends on itself',
      [node('a', 'a')],
      'Failed to submit workflow, the dependencies form a cycle: a -> a',
    ],
    [
      'when a node names a dependency twice',
      [node('a'), node('b', 'a', 'a')],
      'Failed to submit workflow, b depends on a more than once; name each dependency once',
    ],
    [
      'with more nodes than can be handled',
      Array.from({ length: 2501 }, (_, index) => node(`n${index}`)),
      'Failed to submit workflow, expected at most 2500 nodes, got 2501',
    ],
    [
      'when a node has more dependencies than can be handled',
      [node('a'), node('b', ...Array<string>(1001).fill('a'))],
      'Failed to submit workflow, expected at most 1000 dependencies of a node, got 1001',
    ],
    [
      'with more dependencies than can be handled',
      Array.from({ length: 11 }, (_, index) => node(`n${index}`, ...Array<string>(1000).fill('a'))),
      'Failed to submit workflow, expected at most 10000 dependencies, got 11000',
    ],
    [
      'when dependencies form a cycle, which is named without the nodes outside it',
      [node('root'), node('a', 'c', 'root'), node('b', 'a'), node('c', 'b'), node('below', 'c')],
      'Failed to submit workflow, the dependencies form a cycle: a -> b -> c -> a',
    ],
  ])('%s', (_case, nodes, message) => {
    expect(() => validateGraph(nodes)).toThrow(message);
  });
});

test('every DAG is accepted, in whatever order its nodes stand', () => {
  fc.assert(
    fc.property(dags, (nodes) => {
      expect(() => validateGraph(nodes)).not.toThrow();
    }),
    seeded,
  );
});

test('a DAG with one edge turned back into an ancestor is refused', () => {
  fc.assert(
    fc.property(dags, fc.nat(), (nodes, pick) => {
      const withParents = nodes.filter(({ dependencies }) => dependencies.length > 0);
      fc.pre(withParents.length > 0);
      const child = withParents[pick % withParents.length];
      const parentName = child?.dependencies[0];
      const cyclic = nodes.map((each) =>
        each.nodeName === parentName ? node(each.nodeName, ...each.dependencies, child?.nodeName ?? '') : each,
      );
      expect(() => validateGraph(cyclic)).toThrow('the dependencies form a cycle');
    }),
    seeded,
  );
});

test('the descendants of a node are those that cannot be reached without it being done, each once', () => {
  fc.assert(
    fc.property(dags, fc.nat(), (nodes, pick) => {
      const start = nodes[pick % nodes.length]?.nodeName ?? '';
      const childrenOf = (name: string) =>
        nodes.filter(({ dependencies }) => dependencies.includes(name)).map(({ nodeName }) => nodeName);
      const found = descendants(start, childrenOf);
      const isBelow = (name: string): boolean =>
        nodes.some((each) => each.nodeName === name && each.dependencies.some((up) => up === start || isBelow(up)));
      expect([...found].sort()).toEqual(
        nodes
          .map(({ nodeName }) => nodeName)
          .filter(isBelow)
          .sort(),
      );
    }),
    { ...seeded, numRuns: 100 },
  );
});

/** The state of a workflow whose processes are in these states. */
function stateOf(...states: number[]): number {
  const counts = new Map<number, number>();
  for (const each of states) counts.set(each, (counts.get(each) ?? 0) + 1);
  return workflowState(counts);
}

test('the state of a workflow follows from the states of its processes', () => {
  const { waiting, running, success, failed, cancelled } = STATE;
  expect(stateOf(waiting, waiting)).toBe(waiting);
  expect(stateOf(running, waiting)).toBe(running);
  expect(stateOf(success, waiting)).toBe(running);
  expect(stateOf(success, success)).toBe(success);
  expect(stateOf(success, failed, running)).toBe(failed);
  expect(stateOf(success, cancelled)).toBe(cancelled);
  expect(stateOf(cancelled, failed)).toBe(failed);
});

test('a node receives its parents’ outputs one after the other, arrays within them untouched', () => {
  expect(joinOutputs(['["B1"]', '[]', '["A1",["A2"]]'])).toBe('["B1","A1",["A2"]]');
});

test('a picture has every node below its parents and no two nodes in one place', () => {
  fc.assert(
    fc.property(dags, (nodes) => {
      const positions = layOut(new Map(nodes.map(({ nodeName, dependencies }) => [nodeName, dependencies])));
      for (const { nodeName, dependencies } of nodes) {
        for (const parent of dependencies) {
          expect(positions.get(nodeName)?.y).toBeGreaterThan(positions.get(parent)?.y ?? Number.NaN);
        }
      }
      expect(new Set([...positions.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
    }),
    seeded,
  );
});

/** A chain, first node first. */
function chainOf(length: number): readonly GraphNodeSpec[] {
  return Array.from({ length }, (_, index) => node(`n${index}`, ...(index === 0 ? [] : [`n${index - 1}`])));
}

describe('work grows in proportion to the graph, in whatever order its nodes stand: one can', () => {
  test.each([
    ['check the longest chain', chainOf(2500)],
    ['check it backwards', chainOf(2500).toReversed()],
  ])('%s', (_case, nodes) => {
    expect(() => validateGraph(nodes)).not.toThrow();
  });

  test.each([
    ['draw a longer one', chainOf(100_000)],
    ['draw it backwards', chainOf(100_000).toReversed()],
  ])('%s', (_case, nodes) => {
    const positions = layOut(new Map(nodes.map(({ nodeName, dependencies }) => [nodeName, dependencies])));
    expect(positions.get('n99999')).toEqual({ x: 0, y: 99_999 * 80 });
  });
});

test('the tutorial’s workflow is drawn as the official server draws it', () => {
  const positions = layOut(
    new Map([
      ['r1', []],
      ['r2', []],
      ['cloud', ['r1', 'r2']],
    ]),
  );
  expect(Object.fromEntries(positions)).toEqual({ r1: { x: 0, y: 0 }, r2: { x: 200, y: 0 }, cloud: { x: 100, y: 80 } });
});
