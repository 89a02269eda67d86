import { once } from 'node:events';
import { expect, test } from 'vitest';
import { bigIntEngine } from '../../crypto/modular/bigint-engine.ts';
import type { EngineName, ModularEngine } from '../../crypto/modular/engine.ts';
import { selectEngine } from '../../crypto/modular/select.ts';
import { failsSelfTest } from '../../crypto/modular/self-test.ts';
import { describeEngine } from '../../crypto/paillier/index.ts';

/** An engine that is right but for one operation. */
function wrongEngine(name: EngineName): ModularEngine {
  return {
    name,
    lanes: 4,
    constantTime: true,
    openRing(root) {
      const ring = bigIntEngine.openRing(root);
      const product = ring.product.bind(ring);
      ring.product = (out, elements) => {
        product(out, elements);
        out[out.length - 1] = (out.at(-1) ?? 0) ^ 1;
      };
      return ring;
    },
    openFactoredRing: (p, q) => bigIntEngine.openFactoredRing(p, q),
  };
}

const loaders = new Map<EngineName, () => ModularEngine | string>([
  ['native-ifma', () => 'this processor lacks ifma'],
  ['wasm', () => wrongEngine('wasm')],
  ['bigint', () => bigIntEngine],
]);

test('the first engine that is there and right is chosen, and the process is warned of a wrong one', async () => {
  const warned = once(process, 'warning');
  const { engine, description } = selectEngine(undefined, loaders);
  expect(engine.name).toBe('bigint');
  expect(description).toEqual({
    name: 'bigint',
    lanes: 1,
    constantTime: false,
    forced: false,
    passedOver: [
      { name: 'native-ifma', reason: 'this processor lacks ifma' },
      { name: 'wasm', reason: 'wrong result in its self-test' },
    ],
  });
  const [warning] = await warned;
  expect(warning).toMatchObject({ code: 'SEALED_COLONIES_ENGINE', message: expect.stringContaining('engine wasm') });
});

test('a forced engine is the only one considered', () => {
  expect(selectEngine('bigint', loaders).description).toMatchObject({ name: 'bigint', forced: true, passedOver: [] });
  expect(() => selectEngine('native-ifma', loaders)).toThrow(/native-ifma: this processor lacks ifma/);
  expect(() => selectEngine('wasm', loaders)).toThrow(/wrong result in its self-test/);
  expect(() => selectEngine('abacus', loaders)).toThrow(
    /SEALED_COLONIES_ENGINE: expected one of native-ifma, wasm, bigint/,
  );
});

test('an engine that throws is refused with its message', () => {
  const broken: ModularEngine = {
    ...wrongEngine('wasm'),
    openRing() {
      throw new Error('no memory');
    },
  };
  expect(failsSelfTest(broken)).toBe('error in its self-test: no memory');
});

test('an engine that is wrong with long windows of a table only is refused', () => {
  const wrong: ModularEngine = {
    ...wrongEngine('wasm'),
    openRing(root) {
      const ring = bigIntEngine.openRing(root);
      const powerFixedBase = ring.powerFixedBase.bind(ring);
      ring.powerFixedBase = (out, table, exponents, residues) => {
        powerFixedBase(out, table, exponents, residues);
        if (table.windowBits > 6) out.fill(0, -1);
      };
      return ring;
    },
  };
  expect(failsSelfTest(wrong)).toBe('wrong result in its self-test');
});

test('the engine in use describes itself', () => {
  const { threads, lanes } = describeEngine();
  expect(threads).toBeGreaterThanOrEqual(1);
  expect(lanes).toBeGreaterThanOrEqual(1);
});
