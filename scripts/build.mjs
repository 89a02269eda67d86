// Builds dist/: the WebAssembly kernel into its generated source, then all TypeScript, then the command's entry point.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

// An installed package brings its dist/ along and no compiler: there is nothing to build.
if (existsSync(join(root, 'tsconfig.json')) && existsSync(join(root, 'node_modules', 'typescript'))) {
  run(join('scripts', 'build-wasm.mjs'));
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json');
  linkCommand();
}

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Makes `npx colonies` find this very checkout: npm links the commands of dependencies, not a project's own. */
function linkCommand() {
  const entry = join(root, 'dist', 'cli', 'main.js');
  const commands = join(root, 'node_modules', '.bin');
  chmodSync(entry, 0o755);
  mkdirSync(commands, { recursive: true });
  rmSync(join(commands, 'colonies'), { force: true });
  symlinkSync(relative(commands, entry), join(commands, 'colonies'));
}
