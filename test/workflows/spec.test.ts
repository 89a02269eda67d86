import * as fc from 'fast-check';
import * as z from 'zod';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../colony/errors.ts';
import { WorkflowSpec } from '../../colony/messages/workflows.ts';
import { parseFunctionSpecs } from '../../workflows/function-spec.ts';
import { needsPublicKey, withPublicKey } from '../../workflows/public-key.ts';
import { findCycle, leafNames, parseWorkflow } from '../../workflows/spec.ts';

interface NodeParts {
  readonly dependencies?: readonly unknown[];
  readonly [key: string]: unknown;
}

function node(nodename: unknown, { dependencies = [], ...rest }: NodeParts = {}): object {
  return { nodename, funcname: 'f', conditions: { executortype: 'e', dependencies }, ...rest };
}

function messageOf(document: unknown): string {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  try {
    parseWorkflow(text, 'w.json', 'dev');
  } catch (thrown) {
    if (thrown instanceof UserError) return thrown.message;
    throw thrown;
  }
  return 'accepted';
}

describe('a workflow file', () => {
  test('is the bare list of function specs, for the colony of the environment', () => {
    const { spec, warnings } = parseWorkflow(
      JSON.stringify([node('a'), node('b', { dependencies: ['a'] })]),
      'w',
      'dev',
    );
    expect(spec.colonyName).toBe('dev');
    expect(spec.functionSpecs.map(({ nodeName }) => nodeName)).toEqual(['a', 'b']);
    expect(warnings).toEqual([]);
  });

  test('may name its colony', () => {
    const text = JSON.stringify({ colonyname: 'other', functionspecs: [node('a')] });
    expect(parseWorkflow(text, 'w', 'dev').spec.colonyName).toBe('other');
  });

  test('may leave out everything that has a default, and dependencies of roots', () => {
    const text = JSON.stringify([
      { nodename: 'a', funcname: 'f', conditions: { executortype: 'e', dependencies: null } },
    ]);
    const [spec] = parseWorkflow(text, 'w', 'dev').spec.functionSpecs;
    expect(spec).toMatchObject({ kwargs: {}, args: [], maxRetries: 0, conditions: { dependencies: [] } });
  });

  test.each<[string, unknown, string]>([
    ['text that is no JSON', '[\n{"nodename" "a"}]', 'w.json:2:13: expected ":"; this is not JSON'],
    ['a number', 5, 'w.json: expected a workflow (a list of function specs), got number'],
    ['null', null, 'w.json: expected a workflow (a list of function specs), got null'],
    ['no nodes', [], 'w.json: $: expected at least one function spec, got none'],
    ['no nodes in an object', { functionspecs: [] }, 'w.json: $.functionspecs: expected at least one function spec'],
    ['an object without nodes', {}, 'w.json: $.functionspecs: expected a list of function specs, got nothing'],
    [
      'a function spec',
      { funcname: 'f' },
      'w.json: expected a workflow (a list of function specs), got one function spec; submit it with "colonies function submit --spec w.json"',
    ],
    ['a node that is no object', ['a'], 'w.json: $[0]: expected a function spec (an object), got text of 1 characters'],
    ['a node without a name', [node(undefined)], 'w.json: $[0].nodename: expected a name, got nothing'],
    ['a node with an empty name', [node(' ')], 'w.json: $[0].nodename: expected a name, got empty text'],
    [
      'a node without a function',
      [node('a', { funcname: '' })],
      'w.json: $[0] (node "a").funcname: expected a name, got empty text',
    ],
    [
      'a node without conditions',
      [node('a', { conditions: undefined })],
      '(node "a").conditions: expected an object with "executortype"',
    ],
    [
      'a node without executor type',
      [node('a', { conditions: {} })],
      '(node "a").conditions.executortype: expected a name, got nothing',
    ],
    [
      'kwargs of another kind',
      [node('a', { kwargs: 'x' })],
      'w.json: $[0] (node "a").kwargs: expected record, got text of 1 characters',
    ],
    [
      'a time that is text',
      [node('a', { maxexectime: '60' })],
      'w.json: $[0] (node "a").maxexectime: expected number, got text of 2 characters',
    ],
    [
      'dependencies of another kind',
      [node('a', { dependencies: [1] })],
      '(node "a").conditions.dependencies.0: expected string, got number',
    ],
    [
      'a name used twice',
      [node('a'), node('b'), node('a')],
      'w.json: $[2].nodename: expected a name used once, got "a" again (as $[0])',
    ],
    [
      'an unknown dependency',
      [node('a', { dependencies: ['x'] }), node('b')],
      'w.json: $[0] (node "a").conditions.dependencies[0]: expected the name of a node, got "x"; nodes: "a", "b"',
    ],
    [
      'a node that depends on itself',
      [node('a', { dependencies: ['a'] })],
      '(node "a").conditions.dependencies[0]: expected another node, got the node itself',
    ],
    [
      'a cycle',
      [
        node('r'),
        node('a', { dependencies: ['r', 'c'] }),
        node('b', { dependencies: ['a'] }),
        node('c', { dependencies: ['b'] }),
        node('d', { dependencies: ['c'] }),
      ],
      'got the cycle "a" -> "c" -> "b" -> "a" (-> means "depends on")',
    ],
  ])('with %s is refused', (_what, document, message) => {
    expect(messageOf(document)).toContain(message);
  });

  test('has all its problems told at once', () => {
    const message = messageOf([node(''), node('b', { funcname: 5 }), 7]);
    expect(message.split('\n')).toHaveLength(3);
  });

  test('with keys that servers would drop gets warnings', () => {
    const conditions = { executortype: 'e', 'processes-per-node': 1, color: 'red' };
    const { warnings } = parseWorkflow(JSON.stringify([node('a', { conditions, nodeName: 'a' })]), 'w.json');
    expect(warnings).toEqual([
      'w.json: $[0] (node "a"): unknown key "nodeName"; did you mean "nodename"?',
      'w.json: $[0] (node "a").conditions: unknown key "processes-per-node"; did you mean "processespernode"?',
      'w.json: $[0] (node "a").conditions: unknown key "color"; Colonies servers ignore it',
    ]);
  });

  test('with a misspelt key is refused with what was meant, beside what is missing', () => {
    const message = messageOf([{ nodename: 'a', funcName: 'f', conditions: { executorType: 'e' } }]);
    expect(message.split('\n')).toEqual([
      'w.json: $[0] (node "a").funcname: expected a name, got nothing',
      'w.json: $[0] (node "a").conditions.executortype: expected a name, got nothing',
      'w.json: $[0] (node "a"): unknown key "funcName"; did you mean "funcname"?',
      'w.json: $[0] (node "a").conditions: unknown key "executorType"; did you mean "executortype"?',
    ]);
  });

  test('that lists a parent twice gets a warning, since its output would count twice', () => {
    const { warnings } = parseWorkflow(JSON.stringify([node('a'), node('b', { dependencies: ['a', 'a'] })]), 'w');
    expect(warnings).toEqual([expect.stringContaining('"a" is listed twice')]);
  });
});

describe('the public key', () => {
  const text = JSON.stringify([
    node('a', { kwargs: { 'paillier-pubkey': '${public_key}', other: 1 } }),
    node('b', { kwargs: { 'paillier-pubkey': 'eyJuIjog' } }),
  ]);

  test('goes where the workflow asks for it, and leaves other keys alone', () => {
    const { functionSpecs } = parseWorkflow(text, 'w').spec;
    expect(needsPublicKey(functionSpecs)).toBe(true);
    const filled = withPublicKey(functionSpecs, 'KEY');
    expect(filled.map(({ kwargs }) => kwargs)).toEqual([
      { 'paillier-pubkey': 'KEY', other: 1 },
      { 'paillier-pubkey': 'eyJuIjog' },
    ]);
    expect(needsPublicKey(filled)).toBe(false);
  });

  test('is not asked for by a misspelt placeholder, which gets a warning', () => {
    const misspelt = node('a', { kwargs: { k: '${publickey}' } });
    const { spec, warnings } = parseWorkflow(JSON.stringify([misspelt]), 'w');
    expect(needsPublicKey(spec.functionSpecs)).toBe(false);
    expect(warnings).toEqual([expect.stringContaining('"${publickey}" is sent as it is')]);
    expect(parseFunctionSpecs(JSON.stringify([misspelt]), 'f', 'dev').warnings).toEqual([
      'f: $[0].kwargs.k: "${publickey}" is sent as it is; the public key is "${public_key}"',
    ]);
  });
});

test('results are the nodes that nothing depends on', () => {
  const { spec } = parseWorkflow(JSON.stringify([node('a'), node('b', { dependencies: ['a'] }), node('c')]), 'w');
  expect(leafNames(spec)).toEqual(['b', 'c']);
});

describe('any graph', () => {
  const graph = fc
    .integer({ min: 1, max: 12 })
    .chain((count) =>
      fc.array(fc.uniqueArray(fc.nat(count - 1), { maxLength: 3 }), { minLength: count, maxLength: count }),
    );
  test('has a cycle or an order in which its nodes can run, never both', () => {
    fc.assert(
      fc.property(graph, (lists) => {
        const dependencies = toDependencies(lists);
        const cycle = findCycle(dependencies);
        expect(cycle === undefined).toBe(canRun(dependencies));
        if (cycle === undefined) return;
        expect(cycle[0]).toBe(cycle.at(-1));
        expect(new Set(cycle).size).toBe(cycle.length - 1);
        cycle.slice(1).forEach((name, index) => expect(dependencies.get(cycle[index] ?? '')).toContain(name));
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  test('without cycles is accepted and survives the way over the wire', () => {
    fc.assert(
      fc.property(graph, (lists) => {
        const acyclic = lists.map((list, index) => list.filter((other) => other < index));
        const nodes = acyclic.map((list, index) =>
          node(`n${index}`, { dependencies: list.map((other) => `n${other}`) }),
        );
        const { spec } = parseWorkflow(JSON.stringify(nodes), 'w', 'dev');
        expect(z.decode(WorkflowSpec, z.encode(WorkflowSpec, spec))).toEqual(spec);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});

test('a chain of ten thousand nodes is read at once', () => {
  const nodes = Array.from({ length: 10_000 }, (_, index) =>
    node(`n${index}`, { dependencies: index === 0 ? [] : [`n${index - 1}`] }),
  );
  expect(leafNames(parseWorkflow(JSON.stringify(nodes), 'w').spec)).toEqual(['n9999']);
});

test('whatever JSON a file holds, it is accepted or refused with a message for its user', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('nodename', 'funcname', 'conditions', 'kwargs', 'x'), (value, key) => {
      const documents = [value, [value], [{ ...node('a'), [key]: value }], { functionspecs: value }];
      for (const document of documents) expect(messageOf(document)).toMatch(/^accepted$|^w\.json/u);
    }),
    { seed: 6, numRuns: 1000 },
  );
});

describe('a function spec file', () => {
  const lone = node('', { nodename: undefined });

  test('gets the colony of the environment and no limits where it names none', () => {
    const { specs, isList } = parseFunctionSpecs(JSON.stringify(lone), 'f.json', 'dev');
    expect(isList).toBe(false);
    expect(specs).toMatchObject([
      { maxExecTimeSeconds: -1, maxWaitTimeSeconds: -1, conditions: { colonyName: 'dev' } },
    ]);
  });

  test('may hold a list of them, of which the faults of all are told', () => {
    const { specs, isList } = parseFunctionSpecs(JSON.stringify([lone, lone]), 'f.json', 'dev');
    expect(isList).toBe(true);
    expect(specs.map(({ conditions }) => conditions.colonyName)).toEqual(['dev', 'dev']);
    const faulty = JSON.stringify([{ ...lone, funcname: '' }, lone, 5]);
    expect(() => parseFunctionSpecs(faulty, 'f.json', 'dev')).toThrow(
      'f.json: $[0].funcname: expected a name, got empty text\nf.json: $[2]: expected a function spec (an object), got number',
    );
  });

  test.each([
    ['{"functionspecs": []}', 'got a workflow; submit a workflow with "colonies workflow submit --spec f.json"'],
    [
      JSON.stringify([lone, node('b', { dependencies: ['a'] })]),
      'got one with dependencies at $[1]; submit a workflow',
    ],
    ['[]', 'f.json: expected a function spec or a list of them, got an empty list'],
  ])('that holds something else (%s) is refused', (text, words) => {
    expect(() => parseFunctionSpecs(text, 'f.json', 'dev')).toThrow(words);
  });
});

function canRun(dependencies: ReadonlyMap<string, readonly string[]>): boolean {
  const done = new Set<string>();
  for (let before = -1; before !== done.size;) {
    before = done.size;
    for (const [name, names] of dependencies) if (names.every((other) => done.has(other))) done.add(name);
  }
  return done.size === dependencies.size;
}

function toDependencies(lists: readonly (readonly number[])[]): Map<string, string[]> {
  return new Map(lists.map((list, index) => [`n${index}`, list.map((other) => `n${other}`)]));
}
