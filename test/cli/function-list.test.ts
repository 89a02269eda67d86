import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { submitFunctionSpec } from '../../colony/messages/processes.ts';
import { answer, forward, messageTypesOf, reset, startScriptedServer } from '../colony/scripted-server.ts';
import { type CliColony, run, startCliColony } from './support.ts';

let cli: CliColony;
beforeAll(async () => {
  cli = await startCliColony();
});
afterAll(() => cli[Symbol.asyncDispose]());

const SUBMIT = ['function', 'submit', '--spec', 'specs.json'];

const specOf = (parts: object = {}): object => ({ funcname: 'f', conditions: { executortype: 'nobody' }, ...parts });

async function writeSpecs(specs: readonly object[]): Promise<void> {
  await writeFile(join(cli.colony.directory, 'specs.json'), JSON.stringify(specs));
}

/** The environment of a command line that talks to another server. */
function environmentFor(port: number): Record<string, string> {
  return { ...cli.env, COLONIES_SERVER_HOST: '127.0.0.1', COLONIES_SERVER_HTTP_PORT: String(port) };
}

describe('a list of functions', () => {
  test('is submitted in batches of a hundred, and its ids printed in their order', async () => {
    await using server = await startScriptedServer([forward(cli.colony.address)]);
    await writeSpecs(Array.from({ length: 150 }, (_, index) => specOf({ priority: index })));
    const env = environmentFor(server.address.port);
    const { code, stdout, stderr } = await run([...SUBMIT, '--label', 'many'], { env, cwd: cli.colony.directory });
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'Processes submitted: 150\n' });
    const ids = stdout.trim().split('\n');
    const processes = await Promise.all(ids.map((id) => cli.colony.getProcess(id)));
    expect(processes.map(({ spec }) => spec.priority)).toEqual(ids.map((_, index) => index));
    expect(new Set(processes.map(({ spec }) => spec.label))).toEqual(new Set(['many']));
    const counts = server.bodies.map((body) => messageTypesOf(body).filter((type) => type === submitFunctionSpec.type));
    expect(counts.map(({ length }) => length).filter((length) => length > 0)).toEqual([100, 50]);
  });

  test('is submitted although the server refuses some, which are named by their place and reason', async () => {
    await writeSpecs([specOf(), specOf({ priority: 1_000_000 }), specOf(), specOf({ priority: -1_000_000 })]);
    const { code, stdout, stderr } = await cli.run(SUBMIT);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^(?:[0-9a-f]{64}\n){2}$/u);
    const reason = String.raw`the server refused \(400\): Failed to submit function spec, priority outside range.*`;
    expect(stderr).toMatch(
      new RegExp(String.raw`^Processes submitted: 2 of 4\n\$\[1\]: ${reason}\n\$\[3\]: ${reason}\n$`, 'u'),
    );
  });

  test('is reported as one JSON document', async () => {
    await writeSpecs([specOf(), specOf({ priority: 1_000_000 })]);
    const { code, stdout } = await cli.run([...SUBMIT, '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      submitted: [expect.objectContaining({ processid: expect.stringMatching(/^[0-9a-f]{64}$/u), state: 0 })],
      refused: [{ index: 1, status: 400, message: expect.stringContaining('priority outside range') }],
    });
  });

  test('gets the local public key where it asks for one, and is not submitted without that key', async () => {
    await writeSpecs([specOf({ kwargs: { key: '${public_key}' } }), specOf({ kwargs: { key: 'own' } })]);
    const missing = await cli.run([...SUBMIT, '--public-key', 'missing.b64']);
    expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('missing.b64') });
    expect((await cli.run(['keys', 'generate', '--bits', '2048'])).code).toBe(0);
    const { code, stdout } = await cli.run(SUBMIT);
    expect(code).toBe(0);
    const processes = await Promise.all(
      stdout
        .trim()
        .split('\n')
        .map((id) => cli.colony.getProcess(id)),
    );
    const publicKey = await readFile(join(cli.colony.directory, 'public_key.b64'), 'utf8');
    expect(processes.map(({ spec }) => spec.kwargs)).toEqual([{ key: publicKey.trim() }, { key: 'own' }]);
  });

  test('of one function is a list, too', async () => {
    await writeSpecs([specOf()]);
    expect((await cli.run(SUBMIT)).stderr).toBe('Processes submitted: 1\n');
  });

  test('goes one by one to a server without batches', async () => {
    const process = { processid: 'a1'.repeat(32), state: 0, spec: {} };
    const submitted = answer(submitFunctionSpec.type, process);
    const info = answer('getserverinfomsg', {});
    await using server = await startScriptedServer([info, submitted, submitted, reset, info]);
    await writeSpecs([specOf(), specOf(), specOf(), specOf()]);
    const env = environmentFor(server.address.port);
    const { code, stdout, stderr } = await run(SUBMIT, { env, cwd: cli.colony.directory });
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${process.processid}\n`.repeat(2) });
    expect(stderr).toMatch(
      /^Processes submitted: 2 of 4\n\$\[2\]: .*may have been executed all the same\n\$\[3\]: not sent/mu,
    );
  });

  test.each(['--wait', '--out', '--follow'])('is not stayed with (%s)', async (flag) => {
    await writeSpecs([specOf(), specOf()]);
    const { code, stdout, stderr } = await cli.run([...SUBMIT, flag]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('expected one function to stay with, got a list of 2 in specs.json');
  });

  test('with dependencies is a workflow, and none of it is submitted', async () => {
    await writeSpecs([specOf(), specOf({ conditions: { executortype: 'nobody', dependencies: ['f'] } })]);
    const { code, stderr } = await cli.run(SUBMIT);
    expect(code).toBe(1);
    expect(stderr).toContain('submit a workflow with "colonies workflow submit --spec specs.json"');
  });
});
