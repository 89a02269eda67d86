import { pino } from 'pino';
import { type ServerOptions, startServer } from '../../server/index.ts';

/**
 * A server as a process of its own, for tests that kill it and benchmarks that load it: options as JSON in the first
 * argument, the port as a line on standard output, an orderly stop on SIGTERM.
 */
const options: ServerOptions = JSON.parse(process.argv[2] ?? '{}');
const server = await startServer({ ...options, log: pino({ level: 'error' }, pino.destination(2)) });
process.once('SIGTERM', () => void server.stop());
process.stdout.write(`${server.port}\n`);
