import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Answers "operation repetitions" with microseconds per operation. */
const PROGRAM = `
import sys, time, random, json
sys.path.insert(0, sys.argv[1])
from phe import paillier, util
assert util.HAVE_GMP, 'gmpy2 is missing'
p, q = int(sys.argv[2]), int(sys.argv[3])
public = paillier.PaillierPublicKey(p * q)
private = paillier.PaillierPrivateKey(public, p, q)
m = random.getrandbits(64)
c = public.raw_encrypt(m)
a, b = paillier.EncryptedNumber(public, c), paillier.EncryptedNumber(public, public.raw_encrypt(7))
k64, k1024 = random.getrandbits(64) | 1 << 63, random.getrandbits(1024) | 1 << 1023
operations = {
    'encrypt': lambda: public.raw_encrypt(m),
    'decrypt': lambda: private.raw_decrypt(c),
    'add': lambda: a._raw_add(a.ciphertext(False), b.ciphertext(False)),
    'scale64': lambda: a._raw_mul(k64),
    'scale1024': lambda: a._raw_mul(k1024),
}
print('ready', flush=True)
for line in sys.stdin:
    name, minimum = line.split()
    run, runs, start = operations[name], 0, time.perf_counter()
    while time.perf_counter() - start < float(minimum) / 1000:
        run()
        runs += 1
    print((time.perf_counter() - start) * 1e6 / runs, flush=True)
`;

/** The operations that python-paillier is timed for. */
export type PythonOperation = 'encrypt' | 'decrypt' | 'add' | 'scale64' | 'scale1024';

/** python-paillier with gmpy2 as a process that is asked for one operation at a time. */
export class PythonPaillier {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /**
   * @param path a checkout of python-paillier
   * @throws Error with what Python said when it does not start
   */
  static async start(path: string, p: bigint, q: bigint): Promise<PythonPaillier> {
    const child = spawn('python3', ['-c', PROGRAM, path, `${p}`, `${q}`]);
    const complaints: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    const python = new PythonPaillier(child);
    const first = await python.#lines.next();
    if (first.value === 'ready') return python;
    throw new Error(
      `--phe: expected python3 with gmpy2 and phe at ${path}, got: ${Buffer.concat(complaints).toString()}`,
    );
  }

  /** Microseconds per operation, repeated for at least `minimumMs`. */
  async micros(operation: PythonOperation, minimumMs: number): Promise<number> {
    this.#process.stdin.write(`${operation} ${minimumMs}\n`);
    return Number((await this.#lines.next()).value);
  }

  /** Ends the process. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
  }
}
