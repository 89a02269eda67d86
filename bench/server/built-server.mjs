import { pino } from 'pino';
import { startServer } from '../../dist/server/index.js';

/**
 * The server as it was built, which is what users run, as a process of its own: options as JSON in the first argument, the
 * port as a line on standard output, an orderly stop on SIGTERM. Run by Node.js alone, without what compiles TypeScript.
 */
const server = await startServer({
  ...JSON.parse(process.argv[2] ?? '{}'),
  log: pino({ level: 'error' }, pino.destination(2)),
});
process.once('SIGTERM', () => void server.stop());
process.stdout.write(`${server.port}\n`);
