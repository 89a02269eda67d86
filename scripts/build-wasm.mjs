// Compiles the WebAssembly kernel twice (plain SIMD and relaxed SIMD) and writes both, base64-encoded, into a TypeScript
// module, so that nothing is looked up at run time. Skipped when the sources are those of the last build.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { main as compile } from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = join(root, 'kernels/wasm/assembly');
const generated = join(root, 'kernels/wasm/generated.ts');

/** A hash of everything the output depends on: the sources, this script, the compiler's version. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)));
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  hash.update(readFileSync(join(root, 'node_modules/assemblyscript/package.json')));
  return hash.digest('hex');
}

/** The module as base64. @throws Error with the compiler's messages */
async function compileModule(features) {
  let binary;
  const options = [
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--importMemory',
    ...features.flatMap((name) => ['--enable', name]),
  ];
  const { error } = await compile(['index.ts', '--baseDir', sources, '--outFile', 'module.wasm', ...options], {
    stderr: process.stderr,
    writeFile: (name, contents) => {
      if (name === 'module.wasm') binary = contents;
    },
  });
  if (error || !binary)
    throw new Error('build-wasm: expected the AssemblyScript sources to compile; the messages stand above', {
      cause: error,
    });
  return Buffer.from(binary).toString('base64');
}

const hash = fingerprint();
if (existsSync(generated) && readFileSync(generated, 'utf8').includes(hash)) {
  console.log('kernels/wasm/generated.ts is up to date');
} else {
  const simd = await compileModule(['simd']);
  const relaxed = await compileModule(['simd', 'relaxed-simd']);
  writeFileSync(
    generated,
    `// Written by scripts/build-wasm.mjs from kernels/wasm/assembly (${hash}).\n\n` +
      `/** The kernel compiled for 128-bit SIMD. */\nexport const simdModuleBase64 =\n  '${simd}';\n\n` +
      `/** The same with relaxed SIMD: fused multiply-add where the machine has it. */\nexport const relaxedModuleBase64 =\n  '${relaxed}';\n`,
  );
  console.log(`kernels/wasm/generated.ts: ${simd.length} and ${relaxed.length} characters of base64`);
}
