import { stopComputing } from './compute.ts';
import { closeObfuscators } from './obfuscators.ts';
import { dropTables } from './tables.ts';

/**
 * Ends the worker threads, wipes masks computed ahead and forgets prepared keys and tables. Computations that run
 * reject; the next one starts anew. A process ends by itself without this: idle threads do not keep it alive.
 */
export async function closeCrypto(): Promise<void> {
  closeObfuscators();
  dropTables();
  await stopComputing();
}
