import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOfIds, readAligned } from '../../data/aligned.ts';
import { dataErrorOf, openCsv, temporaryFolder } from './support.ts';

/** A CSV file that exists while a test runs. */
async function csvDataset(content: string) {
  const folder = await temporaryFolder();
  const dataset = await openCsv(folder.path('table.csv'), content);
  const dispose = async (): Promise<void> => {
    await dataset.source.close();
    await folder.remove();
  };
  return { dataset, [Symbol.asyncDispose]: dispose };
}

/** A table of ids and their lengths. */
function lengthsOf(ids: readonly string[]): string {
  return `id,x\n${ids.map((id) => `${id},${id.length}`).join('\n')}\n`;
}

describe('rows of several parties meet', () => {
  test('in numerical order when all ids are integers', async () => {
    await using data = await csvDataset('id,x\n10,1\n9,2\n100,3\n');
    const table = await readAligned(data.dataset, { columns: ['x'], idColumn: 'id' });
    expect(table).toEqual({ ids: ['9', '10', '100'], rowCount: 3, columns: [Float64Array.of(2, 1, 3)] });
  });

  test('in the order of their bytes otherwise', async () => {
    await using data = await csvDataset('id,x\nb10,1\nb9,2\n\u{1F600},4\na,3\n');
    const table = await readAligned(data.dataset, { columns: ['x'], idColumn: 'id' });
    expect(table.ids).toEqual(['a', 'b10', 'b9', '\u{1F600}']);
    expect(table.columns).toEqual([Float64Array.of(3, 1, 2, 4)]);
  });

  test('by position without an id column', async () => {
    await using data = await csvDataset('x,y\n3,0.5\n-1e3,.25\n');
    const table = await readAligned(data.dataset, { columns: ['y', 'x'] });
    expect(table).toEqual({ ids: undefined, rowCount: 2, columns: [Float64Array.of(0.5, 0.25), Float64Array.of(3, -1000)] });
  });

  test('in the same order whatever the order of the source is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,6}$/), { minLength: 1, maxLength: 20 }), async (ids) => {
        await using one = await csvDataset(lengthsOf(ids));
        await using other = await csvDataset(lengthsOf(ids.toReversed()));
        const read = ({ dataset }: typeof one) => readAligned(dataset, { columns: ['x'], idColumn: 'id' });
        expect(await read(one)).toEqual(await read(other));
      }),
      { seed: 5, numRuns: 20 },
    );
  });

  test('on the common ids only, whose other rows may lack values', async () => {
    await using data = await csvDataset('id,x\n1,\n2,5\n3,7\n');
    const table = await readAligned(data.dataset, { columns: ['x'], idColumn: 'id', commonIds: ['3', '2'] });
    expect(table).toEqual({ ids: ['2', '3'], rowCount: 2, columns: [Float64Array.of(5, 7)] });
  });
});

describe('a table is refused', () => {
  test.for([
    ['when an id stands twice', 'id,x\n1,1\n1,2\n', 'DUPLICATE_ID', undefined],
    ['when a row has no id', 'id,x\n1,1\n,2\n', 'MISSING_ID', undefined],
    ['when a common id has no row', 'id,x\n1,1\n', 'MISSING_ID', ['1', '2']],
    ['when a value is missing', 'id,x\n1,1\n2,\n', 'MISSING_VALUE', undefined],
    ['when a value is no number', 'id,x\n1,1\n2,secret\n', 'NOT_NUMERIC', undefined],
    ['when a value is infinite', 'id,x\n1,1\n2,1e999\n', 'NOT_NUMERIC', undefined],
  ] as const)('%s', async ([, csv, code, commonIds]) => {
    await using data = await csvDataset(csv);
    const error = await dataErrorOf(() => readAligned(data.dataset, { columns: ['x'], idColumn: 'id', commonIds }));
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/secret|row \d/);
  });
});

test('the digest of ids is SHA-256 over lines', async () => {
  expect(await digestOfIds(['a', 'b'])).toBe(createHash('sha256').update('a\nb\n').digest('hex'));
});
