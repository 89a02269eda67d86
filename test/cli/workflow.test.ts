import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { encodePublicKey, saveKeyPair } from '../../cli/key-files.ts';
import { createProgress } from '../../cli/views/workflow-progress.ts';
import { assignProcess, closeFailed, closeSuccessful, type Process } from '../../colony/messages/processes.ts';
import { forward, hangUp, startScriptedServer } from '../colony/scripted-server.ts';
import { testPrimes } from '../support/keys.ts';
import type { TestExecutor } from '../support/test-colony.ts';
import { type CliColony, run, startCliColony, temporaryDirectory } from './support.ts';

const Submitted = z.object({
  processIds: z.record(z.string(), z.string()),
  results: z.record(z.string(), z.string()).optional(),
});

let cli: CliColony;
let executor: TestExecutor;
beforeAll(async () => {
  cli = await startCliColony();
  executor = await cli.colony.addExecutor('party');
});
afterAll(() => cli[Symbol.asyncDispose]());
afterEach(async () => {
  const waiting = await cli.json(['process', 'psw']);
  if (JSON.stringify(waiting) !== '[]') throw new Error('the test has left waiting processes behind');
});

/** Three nodes: c depends on b and a, in this order. */
function diamond(kwargs: object = {}): object[] {
  return [node('c', ['b', 'a'], kwargs), node('a', [], kwargs), node('b', [], kwargs)];
}

function node(nodename: string, dependencies: readonly string[], kwargs: object = {}): object {
  return { nodename, funcname: `do_${nodename}`, kwargs, conditions: { executortype: 'party', dependencies } };
}

async function writeSpec(document: unknown): Promise<string> {
  const path = join(cli.colony.directory, 'workflow.json');
  await writeFile(path, JSON.stringify(document));
  return 'workflow.json';
}

/** Runs the next processes of the workflow; each answers with what `answer` says, or fails where it throws. */
async function work(count: number, answer: (process: Process) => string): Promise<void> {
  const { colony } = cli;
  for (let done = 0; done < count; done += 1) {
    const request = { colonyName: colony.colonyName, timeoutSeconds: 5, availableCpu: '', availableMemory: '' };
    const process = await colony.call(executor.identity, assignProcess, request);
    const { processId } = process;
    try {
      await colony.call(executor.identity, closeSuccessful, { processId, output: [answer(process)] });
    } catch (thrown) {
      await colony.call(executor.identity, closeFailed, { processId, errors: [String(thrown)] });
    }
  }
}

describe('workflow submit', () => {
  test.each(['workflow', 'function'])(
    'tells what is wrong with the file of a %s without a server or a key',
    async (kind) => {
      await using directory = await temporaryDirectory();
      await writeFile(join(directory.path, 'broken.json'), '{');
      const env = { SEALED_COLONIES_HOME: directory.path };
      const { code, stderr } = await run([kind, 'submit', '--spec', 'broken.json'], { env, cwd: directory.path });
      expect(code).toBe(1);
      expect(stderr).toMatch(/broken\.json/u);
      expect(stderr).not.toContain('COLONIES_PRVKEY');
    },
  );

  test('prints the ids of the workflow and of every process by node name, and leaves the order to the spec', async () => {
    const { code, stdout, stderr } = await cli.run(['workflow', 'submit', '--spec', await writeSpec(diamond())]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Workflow {2}[0-9a-f]{64}\nc {9}[0-9a-f]{64}\na {9}[0-9a-f]{64}\nb {9}[0-9a-f]{64}\n$/u);
    const [workflowId = '', c = ''] = stdout.match(/[0-9a-f]{64}/gu) ?? [];
    expect((await cli.colony.getProcess(c)).spec.nodeName).toBe('c');
    expect((await cli.run(['workflow', 'psw'])).stdout).toContain(workflowId);
    expect((await cli.run(['workflow', 'cancel', workflowId])).stderr).toBe(`Workflow cancelled: ${workflowId}\n`);
    expect(await cli.json(['workflow', 'psc'])).toContainEqual(expect.objectContaining({ processgraphid: workflowId }));
    const shown = await cli.run(['workflow', 'get', '--workflowid', workflowId]);
    expect(shown.stdout).toMatch(/State +Cancelled\n/u);
    expect(shown.stdout).toMatch(new RegExp(`c +Cancelled +${c} +do_c +party`, 'u'));
  });

  test('with --wait prints the process id of the result alone on standard output, and the progress elsewhere', async () => {
    const running = cli.run(['workflow', 'submit', '--spec', await writeSpec(diamond()), '--wait']);
    await work(3, ({ spec }) => spec.nodeName);
    const { code, stdout, stderr } = await running;
    expect(code).toBe(0);
    const result = await cli.colony.getProcess(stdout.trim());
    expect(result).toMatchObject({ state: 'success', input: ['b', 'a'], output: ['c'], spec: { nodeName: 'c' } });
    expect(stderr).toMatch(/^Workflow +[0-9a-f]{64}\nc +/u);
    expect(stderr).toMatch(/\n\+ c {2}success {2}\d+/u);
  });

  test('with --wait and --json prints one document with state and results', async () => {
    const spec = await writeSpec({ functionspecs: [node('a', []), node('x', ['a']), node('y', ['a'])] });
    const running = cli.json(['workflow', 'submit', '--spec', spec, '--wait']);
    await work(3, ({ spec: { nodeName } }) => nodeName);
    const document = await running;
    expect(document).toMatchObject({ state: 'success', errors: {}, colonyName: 'test' });
    const { processIds, results } = Submitted.parse(document);
    expect(results).toEqual({ x: processIds['x'], y: processIds['y'] });
    expect(document).not.toHaveProperty('resultProcessId');
  });

  test('with --wait tells which node failed and why, with exit code 3 and nothing on standard output', async () => {
    const running = cli.run(['workflow', 'submit', '--spec', await writeSpec(diamond()), '--wait']);
    await work(1, ({ spec }) => spec.nodeName);
    await work(1, () => {
      throw new TypeError('no such column');
    });
    const { code, stdout, stderr } = await running;
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/Workflow [0-9a-f]{64}: failed\n/u);
    expect(stderr).toMatch(/ {2}[ab]: TypeError: no such column\n/u);
  });

  test('with --wait survives a restart of the server', async () => {
    const spec = await writeSpec([node('a', []), node('b', ['a'])]);
    const running = cli.run(['workflow', 'submit', '--spec', spec, '--wait']);
    await work(1, () => 'one');
    await cli.colony.restart();
    await work(1, () => 'two');
    const { code, stdout } = await running;
    expect(code).toBe(0);
    expect((await cli.colony.getProcess(stdout.trim())).output).toEqual(['two']);
  });

  test('with --timeout gives up waiting, and the workflow goes on', async () => {
    const spec = await writeSpec([node('a', [])]);
    const { code, stderr } = await cli.run(['workflow', 'submit', '--spec', spec, '--wait', '--timeout', '0.2']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: workflow [0-9a-f]{64}: expected its end within 0.2 s, got none; it goes on/u);
    await work(1, () => 'done');
  });

  test('with --timeout and --json prints the ids all the same', async () => {
    const argv = ['workflow', 'submit', '--spec', await writeSpec([node('a', [])]), '--wait', '--timeout', '0.2'];
    const { code, stdout } = await cli.run([...argv, '--json']);
    expect(code).toBe(1);
    const document: unknown = JSON.parse(stdout);
    expect(document).toMatchObject({ state: 'running', exitCode: 1, error: expect.stringContaining('within 0.2 s') });
    expect((await cli.colony.getProcess(Submitted.parse(document).processIds['a'] ?? '')).state).toBe('waiting');
    await work(1, () => 'done');
  });

  test('with --wait says once that nobody is there to run a node, and for no other node', async () => {
    const lonely = { ...node('b', ['a']), conditions: { executortype: 'nobody', dependencies: ['a'] } };
    const spec = await writeSpec([node('a', []), lonely, node('c', ['b'])]);
    const interruption = new AbortController();
    const words = 'b: no approved executor of type "nobody" is registered; start one with "colonies executor start';
    const running = cli.run(['workflow', 'submit', '--spec', spec, '--wait'], {
      signal: interruption.signal,
      onTalk: (text) => {
        if (text.includes(words)) interruption.abort();
      },
    });
    await work(1, () => 'done');
    const { code, stderr } = await running;
    expect(code).toBe(130);
    expect(stderr.match(/no approved executor/gu)).toHaveLength(1);
    const [workflowId = ''] = stderr.match(/[0-9a-f]{64}/u) ?? [];
    await cli.run(['workflow', 'cancel', workflowId]);
  });

  test('interrupted by the user ends with exit code 130', async () => {
    const interruption = new AbortController();
    const spec = await writeSpec([node('a', [])]);
    const { code, stderr } = await cli.run(['workflow', 'submit', '--spec', spec, '--wait'], {
      signal: interruption.signal,
      onTalk: (text) => {
        if (text.includes('a  waiting')) interruption.abort();
      },
    });
    expect(code).toBe(130);
    expect(stderr).toMatch(/The workflow goes on; look at it with "colonies workflow get [0-9a-f]{64}"\n/u);
    await work(1, () => 'done');
  });

  test.each([
    ['a cycle', [node('a', ['b']), node('b', ['a'])], 'got the cycle "a" -> "b" -> "a"'],
    ['an unknown dependency', [node('a', ['x'])], 'got "x"; nodes: "a"'],
    ['a duplicate node', [node('a', []), node('a', [])], 'expected a name used once, got "a" again'],
    ['nothing', [], 'expected at least one function spec, got none'],
  ])('refuses %s before anything is sent', async (_what, document, message) => {
    const { code, stdout, stderr } = await cli.run(['workflow', 'submit', '--spec', await writeSpec(document)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`error: workflow.json: `);
    expect(stderr).toContain(message);
  });

  test('names a workflow that was submitted although the server went away right afterwards', async () => {
    await using proxy = await startScriptedServer([forward(cli.colony.address), hangUp]);
    const argv = ['workflow', 'submit', '--spec', await writeSpec([node('a', [])])];
    const { code, stdout, stderr } = await cli.run([...argv, '--port', String(proxy.address.port)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/workflow [0-9a-f]{64}: submitted, but .* "colonies workflow get [0-9a-f]{64}"/u);
    await work(1, () => 'done');
  });

  test('names a file that is missing', async () => {
    const { code, stderr } = await cli.run(['workflow', 'submit', '--spec', 'nowhere.json']);
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere.json: expected a readable JSON file, got "ENOENT');
  });
});

describe('the public key of the local key pair', () => {
  const asking = [node('a', [], { 'paillier-pubkey': '${public_key}' }), node('b', [], { 'paillier-pubkey': 'OWN' })];

  test('is filled in where the workflow asks for it, and only there', async () => {
    await using directory = await temporaryDirectory();
    const [p, q] = testPrimes(512);
    const { publicKeyPath } = await saveKeyPair(directory.path, { p, q });
    const argv = ['workflow', 'submit', '--spec', await writeSpec(asking), '--public-key', publicKeyPath];
    const { processIds } = Submitted.parse(await cli.json(argv));
    const keys = await Promise.all(
      ['a', 'b'].map(
        async (name) => (await cli.colony.getProcess(processIds[name] ?? '')).spec.kwargs['paillier-pubkey'],
      ),
    );
    expect(keys).toEqual([encodePublicKey({ n: p * q }), 'OWN']);
    await work(2, () => 'done');
  });

  test('is asked for with the command that makes one', async () => {
    const { code, stderr } = await cli.run(['workflow', 'submit', '--spec', await writeSpec(asking)]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'public_key.b64: expected a key file, got none; create a key pair with "colonies keys generate"',
    );
  });
});

test('what is said between changes of the progress is not overwritten', () => {
  expect(progressOf(true, 'hint').slice(-63)).toBe(
    'hint\n<esc>[2K> a  running  200 ms\n<esc>[2K· b  waiting  100 ms\n',
  );
});

test('progress is rewritten in place on a terminal, and one line per change elsewhere', () => {
  expect(`\n${progressOf(false)}`).toMatchInlineSnapshot(`
    "
    · a  waiting  100 ms
    · b  waiting  100 ms
    > a  running  200 ms
    "
  `);
  expect(`\n${progressOf(true)}`).toMatchInlineSnapshot(`
    "
    <esc>[2K· a  waiting  100 ms
    <esc>[2K· b  waiting  100 ms
    <esc>[2A<esc>[2K> a  running  200 ms
    <esc>[2K· b  waiting  100 ms
    "
  `);
});

/** What two nodes that wait, of which one starts, write to a stream. */
function progressOf(isTTY: boolean, hint?: string): string {
  let text = '';
  let nowMs = 0;
  const stream = { write: (part: string) => (text += part), isTTY, columns: 40 };
  const { show, say } = createProgress(stream, () => (nowMs += 100));
  const waiting = { nodeName: 'b', state: 'waiting' } as const;
  show([{ nodeName: 'a', state: 'waiting' }, waiting]);
  if (hint !== undefined) say(hint);
  show([{ nodeName: 'a', state: 'running' }, waiting]);
  show([{ nodeName: 'a', state: 'running' }, waiting]);
  return text.replaceAll('\u001B', '<esc>');
}
