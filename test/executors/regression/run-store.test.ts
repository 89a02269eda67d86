import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readParameters } from '../../../executors/regression/parameters.ts';
import { FeatureState, initialFeatureState } from '../../../executors/regression/parties.ts';
import { FileRunStore } from '../../../executors/regression/run-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

const wire = {
  run: 'r',
  label: 'y',
  features: [{ name: 'x1', columns: 2 }],
  rows: 100,
  model: 'linear',
  alpha: 0.1,
  iterations: 5,
};
const parameters = readParameters(wire);
const [left, right] = ['1'.repeat(64), '2'.repeat(64)];

function storeAt(file: string, party = 'x1', run = parameters): FileRunStore<FeatureState> {
  return new FileRunStore(join(folder, file), run, party, FeatureState);
}

test('a state survives a restart, readable by its owner only', async () => {
  const store = storeAt('restart.json');
  expect(await store.load()).toBeUndefined();
  const state = { ...initialFeatureState(2), theta: [0.1, -1e-300] };
  await store.commit(state, [{ context: 'a', iteration: 0, fingerprint: left }]);
  expect(await storeAt('restart.json').load()).toEqual(state);
  // Windows keeps access rights elsewhere.
  const mode = process.platform === 'win32' ? 0o600 : statSync(join(folder, 'restart.json')).mode & 0o777;
  expect(mode).toBe(0o600);
});

test('two plaintexts under one context are refused, also after a restart, and nothing is stored then', async () => {
  const state = initialFeatureState(2);
  await storeAt('two.json').commit(state, [{ context: 'a', iteration: 0, fingerprint: left }]);
  const store = storeAt('two.json');
  await store.commit(state, [{ context: 'a', iteration: 0, fingerprint: left }]);
  const other = { context: 'a', iteration: 0, fingerprint: right };
  await expect(store.commit({ ...state, iteration: 1 }, [other])).rejects.toMatchObject({ code: 'TWO_PLAINTEXTS' });
  expect(await storeAt('two.json').load()).toEqual(state);
  await store.commit(state, [{ context: 'b', iteration: 0, fingerprint: right }]);
});

test('the file does not grow with the iterations', async () => {
  const store = storeAt('growth.json');
  const sizes: number[] = [];
  for (let iteration = 0; iteration < 30; iteration += 1) {
    const emissions = ['forward', 'gradient'].map((round) => ({
      context: `${round}/${String(iteration).padStart(4, '0')}`,
      iteration,
      fingerprint: left,
    }));
    await store.commit({ ...initialFeatureState(2), iteration: 10 + iteration }, emissions);
    sizes.push(readFileSync(join(folder, 'growth.json')).length);
  }
  expect(sizes.at(-1)).toBeLessThanOrEqual((sizes[5] ?? 0) + 8);
});

test('a file of another run or party, or a damaged one, is refused', async () => {
  await storeAt('other.json').commit(initialFeatureState(2));
  // What is refused travels to the server, which need not know the party's directories.
  const refused = { code: 'BAD_STORE', message: expect.not.stringContaining(folder) };
  await expect(storeAt('other.json', 'x2').load()).rejects.toMatchObject(refused);
  const otherRun = readParameters({ ...wire, alpha: 0.2 });
  await expect(storeAt('other.json', 'x1', otherRun).load()).rejects.toMatchObject(refused);
  writeFileSync(join(folder, 'other.json'), '{"v":1');
  await expect(storeAt('other.json').load()).rejects.toMatchObject(refused);
});

test('a run that is forgotten leaves no file', async () => {
  const store = storeAt('forgotten.json');
  await store.commit(initialFeatureState(2));
  await store.forget();
  expect(await store.load()).toBeUndefined();
  expect(() => statSync(join(folder, 'forgotten.json'))).toThrow(/ENOENT/);
});
