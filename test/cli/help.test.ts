import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Command, Option } from '../../cli/command.ts';
import type { Group } from '../../cli/framework/parser.ts';
import { COMMANDS } from '../../cli/registry.ts';
import { run } from './support.ts';

async function allCommands(group: Group, path: readonly string[] = []): Promise<[string, Command][]> {
  const found: [string, Command][] = [];
  for (const [name, node] of Object.entries(group.commands)) {
    const words = [...path, name];
    if (typeof node === 'function') found.push([words.join(' '), await node()]);
    else if ('load' in node) found.push([words.join(' '), await node.load()]);
    else found.push(...(await allCommands(node, words)));
  }
  return found;
}

const commands = await allCommands(COMMANDS);

describe('the help', () => {
  test('of the program names every group, the exit codes and where settings come from', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of Object.keys(COMMANDS.commands)) expect(stdout).toContain(`colonies ${name}`);
    expect(stdout).toContain('Exit codes: 0 done; 1 an error that you can mend');
    expect(stdout).toContain('COLONIES_SERVER_HOST');
  });

  test('of the program describes commands as they describe themselves', async () => {
    const { stdout } = await run(['--help'], { columns: 200 });
    const missing = commands.filter(([name, { describe: line }]) => !name.includes(' ') && !stdout.includes(line));
    expect(missing).toEqual([]);
  });

  test.each(commands)('of "%s" explains its options and examples', async (name, command) => {
    const { code, stdout } = await run([...name.split(' '), '--help']);
    expect(code).toBe(0);
    expect(command.describe).toMatch(/^[A-Z].*[^.]$/u);
    const options: Record<string, Option> = { ...command.positional, ...command.options };
    for (const [option, { describe: meaning }] of Object.entries(options)) {
      expect(meaning.length).toBeGreaterThan(5);
      expect(stdout).toContain(option);
    }
    expect(command.examples ?? []).not.toEqual([]);
    for (const [line] of command.examples ?? []) expect(stdout).toContain(`colonies ${line.slice(0, 20)}`);
  });
});

describe('wrong usage ends with exit code 2 and a pointer to the help', () => {
  test.each([
    [[], 'expected one of these commands', 'colonies --help'],
    [['nonsense'], 'Unknown command: nonsense\n', 'colonies --help'],
    [['nope'], 'Unknown command: nope\n', 'colonies --help'],
    [['workflow'], 'expected one of these commands: cancel, get', 'colonies workflow --help'],
    [['workflow', 'sumbit'], 'Did you mean submit?', 'colonies workflow --help'],
    [['workflow', 'ls-all'], 'Unknown command', 'colonies workflow --help'],
    [['workflow', 'submit'], '--spec: expected a value, got none', 'colonies workflow submit --help'],
    [
      ['workflow', 'submit', '--spce', 'x'],
      'Unknown argument: spce. Did you mean --spec?',
      'colonies workflow submit --help',
    ],
    [
      ['process', 'wait', 'x', '--timeout', 'abc'],
      '--timeout: expected a number of at least 0, got "abc"',
      'wait --help',
    ],
    [['process', 'wait', 'x', '--timeout=1s'], '--timeout: expected a number of at least 0, got "1s"', 'wait --help'],
    [['demo', '--column', 'toString'], '--column: expected one of age, ', 'demo --help'],
    [
      ['executor', 'start', 'hospital', 'r1', 'many'],
      'secret: expected a number, got text of 4 characters',
      'start hospital --help',
    ],
    [['workflow', 'ps', '--nope'], 'Unknown argument: nope', 'colonies workflow ps --help'],
    [['workflow', 'ps', 'extra'], 'Unknown argument: extra', 'colonies workflow ps --help'],
    [
      ['workflow', 'ps', '--count', '1x'],
      '--count: expected a whole number from 1 to 100',
      'colonies workflow ps --help',
    ],
    [['workflow', 'ps', '--count', '1.5'], '--count: expected a whole number from 1 to 100, got 1.5', 'ps --help'],
    [['workflow', 'ps', '--count', '101'], '--count: expected a whole number from 1 to 100, got 101', 'ps --help'],
    [['workflow', 'ps', '--count'], 'Not enough arguments following: count', 'colonies workflow ps --help'],
    [['process', 'get'], 'processid: expected a value, got none', 'colonies process get --help'],
    [['process', 'get', ''], 'processid: expected a value, got none', 'colonies process get --help'],
    [['log', 'get'], 'expected either --processid or --executorname', 'colonies log get --help'],
    [['executor', 'start', 'hospital', 'r1'], 'expected either a secret number or --config', 'start hospital --help'],
    [
      ['executor', 'start', 'hospital', 'r1', '5', '--config', 'f'],
      'expected either a secret number',
      'hospital --help',
    ],
    [
      ['function', 'exec', '--func', 'f', '--targettype', 't', '--kwargs', 'broken'],
      'expected name:value',
      'exec --help',
    ],
  ])('%j', async (argv, message, pointer) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(pointer);
  });
});

test('with --json the error is a document, beside the message', async () => {
  const { code, stdout, stderr } = await run(['workflow', 'ps', '--count', '0', '--json']);
  expect(code).toBe(2);
  expect(stderr).toContain('--count: expected a whole number from 1 to 100, got 0');
  expect(JSON.parse(stdout)).toEqual({
    error: '--count: expected a whole number from 1 to 100, got 0',
    exitCode: 2,
  });
});

test('of a flag given twice the last counts', async () => {
  const { stderr } = await run(['workflow', 'ps', '--count', '5', '--count', '500']);
  expect(stderr).toContain('got 500');
});

test.each([[['version', '--json']], [['--version', '--json']], [['--json', 'version']]])(
  'the version is one JSON document on request: %j',
  async (argv) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/u),
      node: process.version,
      engine: { name: expect.any(String) },
    });
  },
);

test('a command that does not end by itself is abandoned when the user interrupts it', async () => {
  const interruption = new AbortController();
  interruption.abort();
  const env = { COLONIES_SERVER_HOST: '127.0.0.1', COLONIES_SERVER_HTTP_PORT: '1' };
  const { code } = await run(['server', 'status'], { signal: interruption.signal, env });
  expect(code).toBe(130);
});

test('a bug of ours shows its stack and ends with exit code 70', async () => {
  const env = new Proxy({}, { get: () => Symbol('not an environment') });
  const { code, stdout, stderr } = await run(['server', 'env'], { env });
  expect({ code, stdout }).toEqual({ code: 70, stdout: '' });
  expect(stderr).toMatch(/^This is a bug of sealed-colonies, please report it:\nTypeError: [^]*\n {4}at /u);
});

describe('a shell completes', () => {
  test.each([
    [['proc'], ['process']],
    [
      ['process', 're'],
      ['remove', 'removeall', 'resume'],
    ],
    [['fs', 'snapshot', 'd'], ['download']],
    [['--json', 'workflow', 'sub'], ['submit']],
    [['process', 'removeall', '--f'], ['--failed']],
    [['demo', '--co'], ['--column']],
    [['fs', 'sync', '-d', 'dat'], []],
    [['constructor', 'toString'], []],
  ])('%j', async (words, expected) => {
    const { code, stdout, stderr } = await run(['--complete', ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').slice(0, -1)).toEqual(expected);
  });

  test('with a script that bash understands', async () => {
    const { stdout } = await run(['completion']);
    const script = `${stdout}
colonies() { printf "asked:"; printf " <%s>" "$@"; }
COMP_WORDS=(colonies process "r m"); COMP_CWORD=2; _colonies_complete; echo "\${COMPREPLY[0]}"`;
    const { status, output } = spawnSync('bash', ['-euc', script], { encoding: 'utf8' });
    expect({ status, output }).toEqual({ status: 0, output: [null, 'asked: <--complete> <process> <r m>\n', ''] });
  });
});
