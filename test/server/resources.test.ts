import { expect, test } from 'vitest';
import { parseCpuMilli, parseMebibytes } from '../../server/resources.ts';

test.each([
  ['', 0],
  ['500m', 500],
  ['-1m', -1],
  ['2', 2000],
])('%j is %i thousandths of a processor', (amount, milli) => {
  expect(parseCpuMilli(amount)).toBe(milli);
});

test.each(['1.5m', 'm', 'two', '1 m', '99999999999m'])('%j is no amount of processors', (amount) => {
  expect(() => parseCpuMilli(amount)).toThrow('Error converting CPU to int');
});

test.each([
  ['', 0],
  ['0Mi', 0],
  ['10Gi', 10_240],
  ['10M', 9],
  ['1048576Ki', 1024],
  ['2GB', 1907],
  ['1Ti', 1_048_576],
])('%j is %i mebibytes', (amount, mebibytes) => {
  expect(parseMebibytes(amount)).toBe(mebibytes);
});

test.each(['10', 'Gi', '1.5Gi', '10 Gi', '10gi', '10constructor'])('%j is no amount of memory', (amount) => {
  expect(() => parseMebibytes(amount)).toThrow('error converting memory to int');
});
