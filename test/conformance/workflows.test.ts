import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { list, Nothing, Process, UNSET, Workflow } from './shapes.ts';
import { conformsTo, differs, type Expectation, type MessageRow, textsOf } from './table.ts';
import { differing, type Graph, openWorld, specOf, UNKNOWN_ID, workflowSpecOf, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const noColony: Expectation = [403, 'Colony with name <> does not exists'];
const emptyName: Expectation = [403, 'Empty Colony name'];
const submitted = async (place: World) => ({ processgraphid: (await place.submitWorkflow({ a: [] })).processgraphid });

/** A workflow whose only root runs at `executor`. */
async function started(place: World, graph: Graph = { a: [], b: ['a'] }): Promise<Process> {
  const spec = workflowSpecOf(place.colonyName, place.executorType, graph);
  await place.do('user', 'submitworkflowspecmsg', { spec });
  return place.assign('executor');
}

const specChange = (graph: Graph) => (place: World) => ({ spec: workflowSpecOf(place.colonyName, 'nobody', graph) });

const submitRow: MessageRow = {
  type: 'submitworkflowspecmsg',
  audience: 'member',
  request: ({ colonyName }) => ({ spec: workflowSpecOf(colonyName, 'nobody', { a: [], b: ['a'] }) }),
  reply: Workflow,
  texts: textsOf('Failed to submit workkflow', 'Failed to submit workflow'),
  missing: { spec: [400, 'Failed to submit workflow, msg.WorkflowSpec is nil'] },
  cases: {
    'refuses a colony that does not exist': {
      change: () => ({ spec: workflowSpecOf('nowhere', 'nobody', { a: [] }) }),
      expect: [403, 'Colony with name <nowhere> does not exists'],
    },
    'refuses a spec without colony': {
      change: () => ({ spec: workflowSpecOf('', 'nobody', { a: [] }) }),
      expect: noColony,
    },
    'refuses the workflow of another colony': {
      change: ({ neighbourName }) => ({ spec: workflowSpecOf(neighbourName, 'nobody', { a: [] }) }),
      expect: [403, /^403 Access denied, not a member of Colony with name <neighbour-/u],
    },
    'refuses a node without name': {
      change: specChange({ '': [] }),
      expect: [500, 'Nodename is missing, check function spec for errors'],
    },
    'refuses a name given twice': {
      change: ({ colonyName }) => {
        const node = specOf('', 'nobody', { nodename: 'a' });
        return { spec: { colonyname: colonyName, functionspecs: [node, node] } };
      },
      expect: [500, 'Duplicate nodename: a'],
    },
    'refuses a dependency on a name that there is not': {
      change: specChange({ a: ['z'] }),
      expect: [
        500,
        /^500 Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits\?/u,
      ],
    },
    'refuses a cycle': {
      change: specChange({ a: ['b'], b: ['a'] }),
      expect: differs('cycles would wait forever', {
        official: 'answered',
        here: [500, /^500 Failed to submit workflow, the dependencies form a cycle/u],
      }),
    },
    'refuses a workflow without nodes': {
      change: specChange({}),
      expect: differs('empty workflows would wait forever', {
        official: 'answered',
        here: [500, 'Failed to submit workflow, the workflow has no nodes'],
      }),
    },
    'refuses a dependency named twice': {
      change: specChange({ a: [], b: ['a', 'a'] }),
      expect: differs('each parent gives its output once', {
        official: 'answered',
        here: [500, /^500 Failed to submit workflow, b depends on a more than once/u],
      }),
    },
    'refuses an amount of memory that is none': {
      change: ({ colonyName }) => {
        const node = specOf('', 'nobody', { nodename: 'a' }, { mem: 'lots' });
        return { spec: { colonyname: colonyName, functionspecs: [node] } };
      },
      expect: differs('the fault is named', {
        official: [500, 'Failed to submit workflow, failed to add process'],
        here: [400, /^400 error converting memory/u],
      }),
    },
  },
};

const readRows: readonly MessageRow[] = [
  {
    type: 'getprocessgraphmsg',
    audience: 'member',
    request: submitted,
    reply: Workflow,
    texts: textsOf('Failed to get processgraph'),
    missing: { processgraphid: [500, 'Failed to get processgraph, graph is nil'] },
    cases: {
      'refuses an unknown id': {
        change: { processgraphid: UNKNOWN_ID },
        expect: [500, 'Failed to get processgraph, graph is nil'],
      },
    },
  },
  {
    type: 'getprocessgraphsmsg',
    audience: 'member',
    request: ({ colonyName }) => ({ colonyname: colonyName, count: 5, state: 0 }),
    reply: list(Workflow),
    texts: textsOf('Failed to get processgraphs'),
    missing: { colonyname: noColony, count: 'answered', state: 'answered' },
    cases: {
      'refuses a state below the range': {
        change: { state: -1 },
        expect: [400, 'invalid msg.State'],
      },
      'refuses a state above the range': { change: { state: 5 }, expect: [400, 'invalid msg.State'] },
      'refuses to list more than 100': {
        change: { count: 101 },
        expect: [400, 'Count is larger than MaxCount limit <100>'],
      },
    },
  },
];

const endRows: readonly MessageRow[] = [
  {
    type: 'cancelprocessgraphmsg',
    audience: 'member',
    request: submitted,
    reply: Nothing,
    texts: textsOf('Failed to cancel processgraph'),
    missing: { processgraphid: [500, 'Failed to cancel processgraph, graph is nil'] },
    cases: {
      'refuses an unknown id': {
        change: { processgraphid: UNKNOWN_ID },
        expect: [500, 'Failed to cancel processgraph, graph is nil'],
      },
    },
  },
  {
    type: 'removeprocessgraphmsg',
    audience: 'member',
    request: submitted,
    reply: Nothing,
    texts: textsOf('Failed to remove processgraph'),
    missing: { processgraphid: [500, 'Failed to remove processgraph, graph is nil'] },
    cases: {
      'refuses an unknown id': {
        change: { processgraphid: UNKNOWN_ID },
        expect: [500, 'Failed to remove processgraph, graph is nil'],
      },
      'refuses a running workflow': {
        change: async (place) => ({ processgraphid: (await started(place)).processgraphid }),
        expect: [400, 'Failed to remove processgraph, cannot remove a running processgraph'],
      },
    },
  },
  {
    type: 'removeallprocessgraphsmsg',
    audience: 'colonyOwner',
    request: ({ colonyName }) => ({ colonyname: colonyName, state: 4 }),
    reply: Nothing,
    texts: textsOf('Failed to remove all processgraphs'),
    missing: { colonyname: emptyName, state: 'answered' },
    cases: {
      'refuses to remove what runs': {
        change: { state: 1 },
        expect: [400, 'not possible to remove running processgraphs'],
      },
      'refuses a state that there is not': {
        change: { state: 5 },
        expect: [400, 'invalid state when deleting all processgraphs'],
      },
    },
  },
];

async function childOf(place: World) {
  const { processid, processgraphid } = await started(place);
  const spec = specOf(place.colonyName, 'nobody', { nodename: 'c' });
  return { processgraphid, parentprocessid: processid, childprocessid: '', spec, insert: false };
}

const addChildRow: MessageRow = {
  type: 'addchildmsg',
  audience: 'member',
  by: 'executor',
  request: childOf,
  reply: Process,
  texts: textsOf('Failed to add child to processgraph'),
  roles: { user: [400, /^400 Process with Id [0-9a-f]{64} is not assigned to executor with Id [0-9a-f]{64}$/u] },
  missing: {
    processgraphid: differs('a wrong workflow breaks the next assignment there', {
      official: 'not asked',
      here: [400, /^400 Process with Id [0-9a-f]{64} does not belong to a processgraph$/u],
    }),
    parentprocessid: differs('an unknown parent ends the official server', {
      official: 'not asked',
      here: [400, 'Process with Id  does not exist'],
    }),
    childprocessid: 'answered',
    insert: 'answered',
    spec: [400, 'Failed to add child to processgraph, msg.FunctionSpec is nil'],
  },
  cases: {
    'refuses a parent that is not running': {
      change: async (place, request) => {
        const { processids } = await place.submitWorkflow({ a: [] });
        return { ...request, parentprocessid: processids[0] };
      },
      expect: [400, /^400 Process with Id [0-9a-f]{64} is not running$/u],
    },
    'refuses an unknown parent': {
      change: { parentprocessid: UNKNOWN_ID },
      expect: differs('an unknown parent ends the official server', {
        official: 'not asked',
        here: [400, `Process with Id ${UNKNOWN_ID} does not exist`],
      }),
    },
    'refuses an unknown child': {
      change: { childprocessid: UNKNOWN_ID },
      expect: differs('an unknown child ends the official server', {
        official: 'not asked',
        here: [400, `Process with Id ${UNKNOWN_ID} does not belong to the processgraph`],
      }),
    },
    'refuses another workflow than the parent’s': {
      change: async (place, request) => ({ ...request, ...(await submitted(place)) }),
      expect: differs('a wrong workflow breaks the next assignment there', {
        official: 'not asked',
        here: [400, /^400 Process with Id [0-9a-f]{64} does not belong to a processgraph$/u],
      }),
    },
    'refuses a parent outside workflows': {
      change: async (place, request) => ({ ...request, parentprocessid: (await place.running()).processid }),
      expect: [400, /^400 Process with Id [0-9a-f]{64} does not belong to a processgraph$/u],
    },
  },
};

conformsTo(() => world, [submitRow, ...readRows, ...endRows, addChildRow]);

const workflow = (processgraphid: string) => world.must('user', 'getprocessgraphmsg', { processgraphid }, Workflow);
const close = (processid: string, out: readonly unknown[] = []) =>
  world.do('executor', 'closesuccessfulmsg', { processid, out });
const fail = (processid: string, errors = ['boom']) => world.do('executor', 'closefailedmsg', { processid, errors });

/** The processes of a workflow by node name. */
async function nodesOf(processgraphid: string): Promise<Record<string, Process>> {
  const { processids } = await workflow(processgraphid);
  const processes = await Promise.all(processids.map((processid) => world.process(processid)));
  return Object.fromEntries(processes.map((process) => [process.spec.nodename, process]));
}

/** Runs the next node that can run, and ends it well. */
async function runNext(out: readonly unknown[] = []): Promise<Process> {
  const assigned = await world.assign('executor');
  await close(assigned.processid, out);
  return assigned;
}

/** Assigns so many nodes, whichever come first; their processes' ids by node name. */
async function assignNodes(count: number): Promise<Record<string, string>> {
  const assigned: Record<string, string> = {};
  for (let index = 0; index < count; index += 1) {
    const { processid, spec } = await world.assign('executor');
    assigned[spec.nodename] = processid;
  }
  return assigned;
}

const submit = (graph: Graph) => world.submitWorkflow(graph, world.executorType);

/** What earlier cases have left for the executor would come between. */
async function drain(): Promise<void> {
  for (const state of [0, 4]) {
    const request = { colonyname: world.colonyName, state };
    await world.do('colonyOwner', 'removeallprocessesmsg', request);
  }
  const waiting = { colonyname: world.colonyName, count: 100, state: 0 };
  for (const { processgraphid } of await world.must('user', 'getprocessgraphsmsg', waiting, list(Workflow))) {
    await world.do('user', 'cancelprocessgraphmsg', { processgraphid });
  }
}

describe('a submitted workflow', () => {
  test('is answered without times, nodes and edges, with ids in the order of the spec', async () => {
    const submittedGraph = await world.submitWorkflow({ a: [], b: ['a'], c: [], d: ['c', 'b'] });
    expect(submittedGraph).toMatchObject({
      state: 0,
      colonyname: world.colonyName,
      initiatorid: world.people.user.id,
      initiatorname: world.names.user,
    });
    const names = await Promise.all(
      submittedGraph.processids.map(async (id) => (await world.process(id)).spec.nodename),
    );
    expect(names).toEqual(['a', 'b', 'c', 'd']);
    expect(submittedGraph.rootprocessids).toEqual([submittedGraph.processids[0], submittedGraph.processids[2]]);
  });

  test('has parents in the order of dependencies, and tells who waits', async () => {
    const { processgraphid } = await world.submitWorkflow({ a: [], b: [], sum: ['b', 'a'] });
    const { a, b, sum } = await nodesOf(processgraphid);
    expect(sum).toMatchObject({ waitforparents: true, parents: [b?.processid, a?.processid], children: [] });
    expect(a).toMatchObject({ waitforparents: false, parents: [], children: [sum?.processid], processgraphid });
    expect(sum?.spec.conditions).toMatchObject({ colonyname: world.colonyName, dependencies: ['b', 'a'] });
  });

  test('gives its nodes no limit where the spec says 0', async () => {
    const node = { ...specOf('', 'nobody', { nodename: 'a' }), maxexectime: 0 };
    const spec = { colonyname: world.colonyName, functionspecs: [node] };
    const { processids } = await world.must('user', 'submitworkflowspecmsg', { spec }, Workflow);
    expect((await world.process(processids[0] ?? '')).spec.maxexectime).toBe(-1);
  });

  test('is drawn as a picture', async () => {
    const { processgraphid } = await world.submitWorkflow({ a: [], b: [], sum: ['a', 'b'] });
    const { nodes, edges } = await workflow(processgraphid);
    const { a, b, sum } = await nodesOf(processgraphid);
    const byLabel = Object.fromEntries(nodes.map((node) => [node.data.label, node]));
    expect(byLabel['sum']).toMatchObject({ type: 'output', position: { x: 100, y: 80 } });
    expect(new Set([byLabel['a']?.position.x, byLabel['b']?.position.x])).toEqual(new Set([0, 200]));
    expect(byLabel['a']).toMatchObject({ type: 'input', style: { background: '#eee8d8' } });
    const ids = [a, b].map((parent) => `${parent?.processid}-${sum?.processid}`);
    expect(edges.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });

  test('is listed in its state, newest first, without nodes and edges', async () => {
    const [first, second] = [await world.submitWorkflow({ a: [] }), await world.submitWorkflow({ a: [] })];
    const query = { colonyname: world.colonyName, count: 2, state: 0 };
    const listed = await world.must('user', 'getprocessgraphsmsg', query, list(Workflow));
    expect(listed.map(({ processgraphid }) => processgraphid)).toEqual([second.processgraphid, first.processgraphid]);
    expect(listed[0]).toMatchObject({ nodes: [], edges: [] });
  });
});

describe('a running workflow', () => {
  test('goes from waiting over running to successful, with its times', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [], b: ['a'] });
    expect(await workflow(processgraphid)).toMatchObject({ state: 0, starttime: UNSET, endtime: UNSET });
    await runNext();
    expect(await workflow(processgraphid)).toMatchObject({ state: 1, endtime: UNSET });
    await runNext();
    const done = await workflow(processgraphid);
    expect(done.state).toBe(2);
    expect([done.submissiontime, done.starttime, done.endtime]).not.toContain(UNSET);
  });

  test('gives a node the outputs of its parents in the order of its dependencies', async () => {
    await drain();
    await submit({ a: [], b: [], empty: [], sum: ['b', 'empty', 'a'] });
    const { a = '', b = '', empty = '' } = await assignNodes(3);
    await close(a, ['A1', 'A2']);
    await close(b, [{ b: [1, null] }]);
    await close(empty);
    expect(await runNext()).toMatchObject({ in: [{ b: [1, null] }, 'A1', 'A2'] });
  });

  test('lets a node start when the last of its parents has succeeded, not before', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [], b: [], sum: ['a', 'b'] });
    await runNext();
    const last = await world.assign('executor');
    await expect(world.assign('executor', -1)).rejects.toThrow('No process available');
    expect((await nodesOf(processgraphid))['sum']?.waitforparents).toBe(true);
    await close(last.processid);
    expect(await runNext()).toMatchObject({ waitforparents: false, spec: { nodename: 'sum' } });
  });

  test('fails with what depends on a node that fails', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [], b: ['a'], c: ['b'] });
    await fail((await world.assign('executor')).processid);
    const { a, b, c } = await nodesOf(processgraphid);
    expect(a).toMatchObject({ state: 3, errors: ['boom'] });
    expect([b?.state, c?.state]).toEqual([3, 3]);
    const cascade = differing(world, 'a node that was not run says why', { official: UNSET, here: a?.endtime });
    expect(b?.endtime).toBe(cascade);
    expect((await workflow(processgraphid)).state).toBe(3);
    await expect(world.assign('executor', -1)).rejects.toThrow('No process available');
  });

  test('keeps what has succeeded when another branch fails', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [], b: [], afterB: ['b'] });
    const roots = await assignNodes(2);
    await close(roots['a'] ?? '');
    await fail(roots['b'] ?? '');
    const { a, afterB } = await nodesOf(processgraphid);
    expect(a?.state).toBe(differing(world, 'finished nodes keep their end', { official: 3, here: 2 }));
    expect(afterB?.state).toBe(3);
  });

  test('goes on beside a leaf that has failed, but has failed itself', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [], b: [] });
    const failed = await world.assign('executor');
    await fail(failed.processid);
    expect((await workflow(processgraphid)).state).toBe(3);
    const other = await runNext();
    expect(other.spec.nodename).not.toBe(failed.spec.nodename);
    expect((await workflow(processgraphid)).state).toBe(3);
    expect((await world.process(other.processid)).state).toBe(2);
  });
});

describe('cancelling a workflow', () => {
  test('cancels what waits and what runs', async () => {
    const running = await started(world);
    await world.do('user', 'cancelprocessgraphmsg', { processgraphid: running.processgraphid });
    const { a, b } = await nodesOf(running.processgraphid);
    expect([a?.state, b?.state]).toEqual([4, 4]);
    expect((await workflow(running.processgraphid)).state).toBe(4);
    const late = await world.ask('executor', 'closesuccessfulmsg', { processid: running.processid, out: ['late'] });
    expect(late.payload).toEqual({ status: 400, message: 'Tried to set cancelled process as successful' });
  });

  test('leaves a workflow that has succeeded as it is', async () => {
    await drain();
    const { processgraphid } = await submit({ a: [] });
    await runNext();
    await world.do('user', 'cancelprocessgraphmsg', { processgraphid });
    const expected = differing(world, 'what has ended stays ended', { official: 4, here: 2 });
    expect((await workflow(processgraphid)).state).toBe(expected);
  });
});

describe('removing', () => {
  test('takes the processes of a workflow along', async () => {
    const { processgraphid, processids } = await world.submitWorkflow({ a: [] });
    await world.do('user', 'removeprocessgraphmsg', { processgraphid });
    const { payload } = await world.ask('user', 'getprocessmsg', { processid: processids[0] });
    expect(payload).toEqual({ status: 404, message: 'Failed to get process, process not found' });
  });

  test('all workflows of a state leaves the others', async () => {
    const cancelled = await world.submitWorkflow({ a: [] });
    await world.do('user', 'cancelprocessgraphmsg', { processgraphid: cancelled.processgraphid });
    const waiting = await world.submitWorkflow({ a: [] });
    await world.do('colonyOwner', 'removeallprocessgraphsmsg', { colonyname: world.colonyName, state: 4 });
    const gone = await world.ask('user', 'getprocessgraphmsg', { processgraphid: cancelled.processgraphid });
    expect(gone.payload).toMatchObject({ status: 500 });
    expect((await workflow(waiting.processgraphid)).state).toBe(0);
  });
});

const add = async (parent: Process, more: object) => {
  const { processgraphid, processid: parentprocessid } = parent;
  const spec = specOf(world.colonyName, world.executorType, { nodename: 'new' });
  const request = { processgraphid, parentprocessid, childprocessid: '', spec, insert: false, ...more };
  return world.must('executor', 'addchildmsg', request, Process);
};

describe('adding a child to a running node', () => {
  test('puts it beside the children that the node has', async () => {
    const parent = await started(world);
    const added = await add(parent, {});
    expect(added).toMatchObject({ waitforparents: true, parents: [parent.processid], initiatorid: '' });
    const { a, b } = await nodesOf(parent.processgraphid);
    expect(new Set(a?.children)).toEqual(new Set([b?.processid, added.processid]));
    expect(b?.parents).toEqual([parent.processid]);
  });

  test('makes it a further parent of a given child, whose input it ends', async () => {
    await drain();
    const parent = await started(world);
    const { b } = await nodesOf(parent.processgraphid);
    await add(parent, { childprocessid: b?.processid });
    await close(parent.processid, ['from a']);
    expect((await runNext(['from new'])).spec.nodename).toBe('new');
    expect((await runNext()).in).toEqual(['from a', 'from new']);
  });

  test('with insert puts it between the node and its children', async () => {
    await drain();
    const parent = await started(world, { a: [], b: ['a'], c: ['a'] });
    const added = await add(parent, { insert: true });
    const { a, b, c } = await nodesOf(parent.processgraphid);
    expect(a?.children).toEqual([added.processid]);
    expect([b?.parents, c?.parents]).toEqual([[added.processid], [added.processid]]);
    await close(parent.processid, ['from a']);
    expect(await runNext(['from new'])).toMatchObject({ in: ['from a'], spec: { nodename: 'new' } });
    expect((await runNext()).in).toEqual(['from new']);
    await runNext();
    expect((await workflow(parent.processgraphid)).state).toBe(2);
  });
});
