import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';

const ROOT = join(import.meta.dirname, '..', '..');

/** What is loaded as it is: native code, and what starts threads of its own. */
const EXTERNAL = ['libsql', 'pino', 'ws'];

/**
 * Makes one file of the server's program for tests: it starts in a quarter of the time, which tests that start it some
 * hundred times need.
 *
 * @param directory where the file goes
 * @returns its path
 */
export async function bundleServer(directory: string): Promise<string> {
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true, external: EXTERNAL },
    build: {
      ssr: join(import.meta.dirname, 'server-main.ts'),
      outDir: directory,
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rollupOptions: { output: { entryFileNames: 'server.mjs', inlineDynamicImports: true } },
    },
  });
  // Its imports are looked for beside it.
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'dir');
  return join(directory, 'server.mjs');
}
