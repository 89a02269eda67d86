import { stopComputing } from './compute.ts';
import { closeObfuscators } from './obfuscators.ts';
import { dropTables } from './tables.ts';

/**
 * Ends the worker threads, wipes masks computed ahead and forgets prepared keys and tables. What the threads are working
 * on rejects; the next computation starts anew, also the next chunk of an operation that just has none there: abort
 * such operations by their signal first. A process ends by itself without this: idle threads do not keep it alive.
 */
export async function closeCrypto(): Promise<void> {
  closeObfuscators();
  dropTables();
  await stopComputing();
}
