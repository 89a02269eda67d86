// Starts a worker thread from TypeScript sources, in tests and development: compiled code needs none of this.
import { argv } from 'node:process';
import { register } from 'tsx/esm/api';

const [, , entry = ''] = argv;
register();
await import(entry);
