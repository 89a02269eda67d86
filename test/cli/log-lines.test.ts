import { describe, expect, test } from 'vitest';
import { createLog, formatLogLine } from '../../cli/framework/log.ts';

function logged(isTTY: boolean, level: 'debug' | 'info' | 'warn'): string {
  let text = '';
  const stderr = { write: (part: string) => (text += part), isTTY };
  const signal = new AbortController().signal;
  const log = createLog({ stdout: stderr, stderr, env: {}, cwd: '.', signal }, level);
  log.debug('noticed');
  log.info({ processId: 'p1', durationMs: 12 }, 'done');
  log.error({ err: new TypeError('no \u001B[31m bread') }, 'failed');
  return text;
}

describe('the log of a daemon', () => {
  test('is JSON lines in a pipe', () => {
    const lines = logged(false, 'info').trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { level: 30, msg: 'done', processId: 'p1', durationMs: 12 },
      { level: 50, msg: 'failed', err: { type: 'TypeError' } },
    ]);
  });

  test('is lines for people on a terminal, without control characters', () => {
    expect(logged(true, 'info').replaceAll(/\d\d:\d\d:\d\d/gu, 'hh:mm:ss')).toBe(
      'hh:mm:ss info  done  processId=p1  durationMs=12\nhh:mm:ss error failed  error=no \\x1b[31m bread\n',
    );
  });

  test('holds what is important enough', () => {
    expect(logged(false, 'debug').split('\n')).toHaveLength(4);
    expect(logged(false, 'warn').split('\n')).toHaveLength(2);
  });

  test('survives lines that are no objects', () => {
    expect(formatLogLine('5\n')).toBe('5');
  });
});
