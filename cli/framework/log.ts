import { type Logger, pino } from 'pino';
import type { Io } from './io.ts';
import { formatValue, printableLine } from './text.ts';

const HIDDEN = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'err']);

/**
 * The log of daemons on standard error: JSON lines, or on a terminal lines for people.
 *
 * @param level the least important messages that are written
 */
export function createLog(io: Io, level: 'debug' | 'info' | 'warn'): Logger {
  const write = (line: string): void =>
    void io.stderr.write(io.stderr.isTTY === true ? `${formatLogLine(line)}\n` : line);
  return pino({ level, base: null }, { write });
}

/** A JSON line of pino as `08:53:44 info  message  name=value ...`. */
export function formatLogLine(line: string): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== 'object' || entry === null) return printableLine(line.trimEnd());
  const fields = new Map<string, unknown>(Object.entries(entry));
  const time = new Date(Number(fields.get('time'))).toISOString().slice(11, 19);
  const level = (pino.levels.labels[Number(fields.get('level'))] ?? 'log').padEnd(5);
  const error = fields.get('err');
  const details = [...fields]
    .filter(([name]) => !HIDDEN.has(name))
    .map(([name, value]) => `${name}=${formatValue(value)}`);
  if (typeof error === 'object' && error !== null && 'message' in error)
    details.push(`error=${formatValue(error.message)}`);
  return printableLine([`${time} ${level} ${formatValue(fields.get('msg') ?? '')}`, ...details].join('  '));
}
