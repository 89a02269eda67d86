/**
 * Compiles the native engine: one Node-API addon, a translation unit per instruction set, so that it loads on every
 * x86-64 and chooses at run time. Needs a C++17 compiler and the headers of node-api-headers, nothing else.
 *
 *   node scripts/build-native.mjs [--quiet] [--force] [--sanitize]
 *
 * --quiet is the package's own install step: at most one line, and always success. --force rebuilds even if nothing
 * changed. --sanitize builds with the address and undefined-behaviour sanitizers and runs the engine's tests under them.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'kernels', 'native');
const test = 'test/crypto/modular/native-engine.test.ts';

const avx512 = ['-mavx512f', '-mavx512vl', '-mavx512bw', '-mavx512dq'];
const units = [
  { file: 'addon.cc', flags: [] },
  { file: 'path_ifma.cc', flags: [...avx512, '-mavx512ifma', '-mavx512vbmi'] },
  { file: 'path_avx512.cc', flags: avx512 },
  { file: 'path_avx2.cc', flags: ['-mavx2'] },
];

/** Why the engine cannot be built here, without the compiler having been asked. */
function obstacle() {
  if (process.env.SEALED_COLONIES_SKIP_NATIVE === '1') return 'SEALED_COLONIES_SKIP_NATIVE is set';
  if (process.arch !== 'x64') return `it needs an x86-64 processor, this one is ${process.arch}`;
  if (process.platform === 'win32') return 'it is built on Linux and macOS only';
  if (!existsSync(join(sources, 'addon.cc'))) return 'its sources are missing';
  return undefined;
}

function findHeaders() {
  try {
    return createRequire(join(root, 'package.json'))('node-api-headers').include_dir;
  } catch {
    throw new Error('node-api-headers is not installed; run "npm install" with development dependencies');
  }
}

/** The first compiler that answers, with the line it introduces itself by. */
function findCompiler() {
  const candidates = [process.env.CXX, 'g++', 'clang++', 'c++'].filter(Boolean);
  for (const command of candidates) {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { command, version: stdout.split('\n', 1)[0] };
  }
  throw new Error(`no C++ compiler found (tried ${candidates.join(', ')}); install g++ or clang++, or set CXX`);
}

/** What a finished build depends on. */
function fingerprint(compiler, flags) {
  const hash = createHash('sha256').update(JSON.stringify([compiler, flags, units, process.platform]));
  for (const file of readdirSync(sources).toSorted()) {
    if (/\.(?:cc|hpp)$/.test(file)) hash.update(file).update(readFileSync(join(sources, file)));
  }
  return hash.digest('hex');
}

/** Runs `compile` over all units, as many at a time as there are processors. */
async function compileAll(compile) {
  const waiting = [...units];
  const work = async () => {
    for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) await compile(unit);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/**
 * Compiles and links into a temporary folder beside the target, then renames: nobody ever loads half a file. Returns
 * what the compiler had to say.
 */
async function build(compiler, flags, headers, target) {
  const execute = promisify(execFile);
  const messages = [];
  const run = async (command, args) => messages.push((await execute(command, args, { maxBuffer: 1 << 26 })).stderr);
  const folder = mkdtempSync(join(dirname(target), 'compiling-'));
  const object = (unit) => join(folder, `${unit.file}.o`);
  try {
    await compileAll((unit) =>
      run(compiler.command, [
        ...flags,
        ...unit.flags,
        '-I',
        headers,
        '-c',
        join(sources, unit.file),
        '-o',
        object(unit),
      ]),
    );
    const linking = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
    const linked = join(folder, 'paillier.node');
    await run(compiler.command, [...flags, ...linking, ...units.map(object), '-o', linked]);
    renameSync(linked, target);
    return messages.join('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Builds unless an up-to-date build is there. Returns the compiler's warnings, or undefined if it was not needed. */
async function buildIfNeeded({ folder, extraFlags, force }) {
  const headers = findHeaders();
  const compiler = findCompiler();
  const flags = ['-std=c++17', '-O3', '-fPIC', '-fvisibility=hidden', '-Wall', '-Wextra', ...extraFlags];
  const target = join(folder, 'paillier.node');
  const stamp = join(folder, 'fingerprint');
  const current = fingerprint(compiler, flags);
  if (!force && existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === current) return undefined;
  mkdirSync(folder, { recursive: true });
  const warnings = await build(compiler, flags, headers, target);
  writeFileSync(stamp, current);
  return warnings;
}

/** The sanitizers' run-time library must be loaded before everything else of node. */
function runSanitized(target) {
  const compiler = findCompiler().command;
  const library = (name) => spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim();
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', test], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: [library('libasan.so'), library('libstdc++.so')].join(' '),
      // Node itself leaks at exit; wrong accesses and undefined behaviour in the addon end the run.
      ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      SEALED_COLONIES_NATIVE_FILE: target,
    },
  });
  return status ?? 1;
}

async function main() {
  const { values } = parseArgs({
    options: { quiet: { type: 'boolean' }, force: { type: 'boolean' }, sanitize: { type: 'boolean' } },
  });
  try {
    const problem = obstacle();
    if (problem !== undefined) throw new Error(problem);
    const folder = join(sources, 'build', ...(values.sanitize ? ['sanitized'] : []));
    const extraFlags = values.sanitize ? ['-g', '-O1', '-fno-omit-frame-pointer', '-fsanitize=address,undefined'] : [];
    const warnings = await buildIfNeeded({ folder, extraFlags, force: values.force ?? false });
    if (values.sanitize) process.exitCode = runSanitized(join(folder, 'paillier.node'));
    else if (!values.quiet)
      console.log(warnings === undefined ? 'native engine: up to date' : `${warnings}native engine: built`);
  } catch (error) {
    const firstLine = error.message.split('\n', 1)[0];
    if (values.quiet) {
      console.log(`native engine: not built (${firstLine.slice(0, 160)}); "npm run build:native" tries again`);
    } else {
      console.error(`native engine: not built: ${error.stderr ? `${firstLine}\n${error.stderr}` : error.message}`);
      process.exitCode = 1;
    }
  }
}

await main();
