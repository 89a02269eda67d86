import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numberConfig } from '../../data/config.ts';
import { openDataset, type Dataset } from '../../data/dataset.ts';
import { formatDecimal } from '../../data/decimal.ts';
import { readSingleNumber } from '../../data/single-number.ts';
import { dataErrorOf, hospitalCsv, openConfigured } from './support.ts';

describe('a single number', () => {
  let dataset: Dataset;
  beforeAll(async () => {
    dataset = await openConfigured({
      source: { kind: 'csv', path: hospitalCsv('cleveland') },
      columns: ['age'],
      queries: { oldest: 'select age from data order by age desc limit 1' },
      numbers: {
        patients: 'select count(*) from data',
        ages: 'select age from data',
        nobody: 'select age from data where age = 200',
        pair: 'select 1 as a, 2 as b',
        text: "select 'patient 4711' as a",
        nothing: 'select null as a',
      },
    });
  });
  afterAll(() => dataset.source.close());

  test('is the tutorial’s number', async () => {
    expect(formatDecimal(await readSingleNumber(await openDataset(numberConfig(5)), undefined))).toBe('5');
  });

  test('may come from a query that the operator configured for it', async () => {
    expect(formatDecimal(await readSingleNumber(dataset, 'patients'))).toBe('303');
  });

  test.each([
    ['a query meant for statistics', 'oldest', 'QUERY_UNKNOWN', 'expected one of the numbers "patients"'],
    ['the table', undefined, 'SELECTION_INVALID', 'choose one of "patients"'],
    ['several rows', 'ages', 'SELECTION_INVALID', 'expected exactly one row, got several'],
    ['no row', 'nobody', 'SELECTION_INVALID', 'expected exactly one row, got none'],
    ['two columns', 'pair', 'SELECTION_INVALID', 'expected one column, got 2'],
    ['text', 'text', 'NOT_NUMERIC', 'expected a decimal number in the only row, got other text'],
    ['a missing value', 'nothing', 'NOT_NUMERIC', 'expected a decimal number in the only row, got none'],
  ])('is not read from %s', async (_what, name, code, expected) => {
    const error = await dataErrorOf(() => readSingleNumber(dataset, name));
    expect(error.code).toBe(code);
    expect(error.message).toContain(expected);
    expect(error.message).not.toContain('4711');
  });
});
