import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliColony, startCliColony } from './support.ts';

let cli: CliColony;
beforeAll(async () => {
  cli = await startCliColony();
  const node = {
    nodename: 'only',
    funcname: 'work',
    args: [7],
    conditions: { executortype: 'nobody', dependencies: [] },
  };
  await writeFile(join(cli.colony.directory, 'workflow.json'), JSON.stringify([node]));
  await writeFile(join(cli.colony.directory, 'broken.json'), '[{"nodename": "a"}]');
});
afterAll(() => cli[Symbol.asyncDispose]());

const SPEC = ['--spec', 'workflow.json'];
const NOBODY = 'e'.repeat(64);

describe('crons', () => {
  test('are added with an expression, shown, listed, run and removed', async () => {
    const added = await cli.run(['cron', 'add', '--name', 'nightly', '--cron', '0 30 2 * * *', ...SPEC]);
    expect(added).toMatchObject({ code: 0, stderr: 'Cron added: nightly\n' });
    const cronId = added.stdout.trim();
    expect(await cli.json(['cron', 'get', cronId])).toMatchObject({
      cronid: cronId,
      name: 'nightly',
      cronexpression: '0 30 2 * * *',
      interval: -1,
      waitforprevprocessgraph: false,
    });
    const shown = await cli.run(['cron', 'get', '--cronid', cronId]);
    expect(shown.stdout).toMatch(
      /^CronId +\w+\nName +nightly\n[^]*Schedule +0 30 2 \* \* \*\n[^]*only +work +7 +nobody\n$/u,
    );
    expect((await cli.run(['cron', 'ls'])).stdout).toMatch(
      new RegExp(`^CRONID +NAME +SCHEDULE +NEXT RUN \\(UTC\\) +INITIATOR\n${cronId} +nightly +0 30 2 `, 'u'),
    );
    expect(await cli.run(['cron', 'run', cronId])).toEqual({ code: 0, stdout: '', stderr: 'Cron run: nightly\n' });
    expect(await cli.json(['cron', 'get', 'nightly'])).toMatchObject({ cronid: cronId });
    expect(await cli.json(['process', 'psw'])).toMatchObject([{ spec: { nodename: 'only', funcname: 'work' } }]);
    expect(await cli.run(['cron', 'remove', cronId])).toEqual({
      code: 0,
      stdout: '',
      stderr: `Cron removed: ${cronId}\n`,
    });
    expect(await cli.json(['cron', 'ls'])).toEqual([]);
    expect((await cli.run(['cron', 'ls'])).stderr).toBe('No crons found\n');
  });

  test('are added with an interval that waits for the run before', async () => {
    const argv = ['cron', 'add', '--name', 'often', '--interval', '3600', '--waitprevious', ...SPEC];
    const added = await cli.json(argv);
    expect(added).toMatchObject({ interval: 3600, cronexpression: '', waitforprevprocessgraph: true });
    expect((await cli.run(['cron', 'ls'])).stdout).toContain('every 3600 s');
  });

  test.each([
    [[], 'expected either --cron or --interval'],
    [['--cron', '* * * * * *', '--interval', '5'], 'expected either --cron or --interval'],
    [['--interval', '0'], '--interval: expected -1 or at least 1 second, got 0'],
    [['--cron', '* * * * * *', '--random'], '--random: expected --interval with it'],
  ])('need a time: %j', async (flags, message) => {
    const { code, stderr } = await cli.run(['cron', 'add', '--name', 'c', ...flags, ...SPEC]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test('of a wrong expression are refused in the words of the server', async () => {
    const { code, stderr } = await cli.run(['cron', 'add', '--name', 'c', '--cron', '* * *', ...SPEC]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the server refused \(\d+\): .*6 fields/u);
  });
});

describe('generators', () => {
  test('are added, shown, listed, fed and removed', async () => {
    const argv = ['generator', 'add', '--name', 'sums', '--trigger', '3', '--timeout', '60', ...SPEC];
    const added = await cli.run(argv);
    expect(added).toMatchObject({ code: 0, stderr: 'Generator added: sums\n' });
    const generatorId = added.stdout.trim();
    expect(await cli.run(['generator', 'pack', generatorId, 'patient-17'])).toEqual({
      code: 0,
      stdout: '',
      stderr: `Packed into generator: ${generatorId}\n`,
    });
    await cli.run(['generator', 'pack', '--generatorid', generatorId, '--arg', 'patient-18']);
    expect(await cli.json(['generator', 'get', generatorId])).toMatchObject({ trigger: 3, timeout: 60, queuesize: 2 });
    expect((await cli.run(['generator', 'get', generatorId])).stdout).toMatch(
      /^GeneratorId +\w+\nName +sums\n[^]*Timeout +60 s\n[^]*QueueSize +2\n[^]*only +work +7 +nobody\n$/u,
    );
    expect((await cli.run(['generator', 'ls'])).stdout).toMatch(
      new RegExp(`^GENERATORID +NAME +TRIGGER +LAST RUN \\(UTC\\) +INITIATOR\n${generatorId} +sums +3 `, 'u'),
    );
    expect((await cli.run(['generator', 'remove', generatorId])).stderr).toBe(`Generator removed: ${generatorId}\n`);
    expect(await cli.json(['generator', 'ls'])).toEqual([]);
  });

  test('never have empty batches', async () => {
    const { code, stderr } = await cli.run(['generator', 'add', '--name', 'g', '--trigger', '0', ...SPEC]);
    expect(code).toBe(2);
    expect(stderr).toContain('--trigger: expected a whole number of at least 1, got 0');
  });
});

test.each([['cron'], ['generator']])('a broken workflow is refused before it is sent: %s', async (group) => {
  const time = group === 'cron' ? ['--interval', '5'] : ['--trigger', '5'];
  const { code, stderr } = await cli.run([group, 'add', '--name', 'b', ...time, '--spec', 'broken.json']);
  expect(code).toBe(1);
  expect(stderr).toContain('broken.json: $[0] (node "a").funcname: expected a name, got nothing');
});

test.each([
  [['cron', 'get', NOBODY], `cron ${NOBODY}`],
  [['cron', 'get', 'nobody'], 'cron nobody'],
  [['generator', 'get', 'nobody'], 'generator nobody'],
  [['cron', 'run', NOBODY], `cron ${NOBODY}`],
  [['cron', 'remove', NOBODY], `cron ${NOBODY}`],
  [['generator', 'get', NOBODY], `generator ${NOBODY}`],
  [['generator', 'pack', NOBODY, 'x'], `generator ${NOBODY}`],
  [['generator', 'remove', NOBODY], `generator ${NOBODY}`],
])('what the server does not have is named in plain words: %j', async (argv, what) => {
  const { code, stderr } = await cli.run(argv);
  expect({ code, stderr }).toEqual({ code: 1, stderr: `error: ${what}: unknown to the server\n` });
  expect(await cli.json(argv)).toEqual({ error: `${what}: unknown to the server`, exitCode: 1 });
});
