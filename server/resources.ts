import { Refusal } from './refusal.ts';

const MEBIBYTE = 1024 ** 2;

/** Bytes per unit of memory; Colonies' units plus the ones its parser forgets. */
const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['Ki', 1024],
  ['KiB', 1024],
  ['Mi', MEBIBYTE],
  ['MiB', MEBIBYTE],
  ['Gi', 1024 ** 3],
  ['GiB', 1024 ** 3],
  ['Ti', 1024 ** 4],
  ['TiB', 1024 ** 4],
  ['K', 1e3],
  ['Kb', 1e3],
  ['KB', 1e3],
  ['M', 1e6],
  ['Mb', 1e6],
  ['MB', 1e6],
  ['G', 1e9],
  ['Gb', 1e9],
  ['GB', 1e9],
  ['Tb', 1e12],
  ['TB', 1e12],
]);

/**
 * Thousandths of a processor: `500m` is 500, `2` is 2000, empty is 0. Negative amounts are accepted: an executor that
 * offers `-1m` is offered nothing, which is how a busy one shows that it lives.
 *
 * @throws Refusal 400 for anything else
 */
export function parseCpuMilli(amount: string): number {
  if (amount === '') return 0;
  const match = /^(-?\d{1,9})(m?)$/.exec(amount);
  if (match === null) throw new Refusal(400, 'Error converting CPU to int');
  return Number(match[1]) * (match[2] === 'm' ? 1 : 1000);
}

/**
 * Whole mebibytes: `2Gi` is 2048, `10M` is 9, empty is 0.
 *
 * @throws Refusal 400 for anything else
 */
export function parseMebibytes(amount: string): number {
  if (amount === '') return 0;
  const match = /^(-?\d{1,12})([A-Za-z]+)$/.exec(amount);
  const unitBytes = UNIT_BYTES.get(match?.[2] ?? '');
  if (match === null || unitBytes === undefined) {
    throw new Refusal(400, `error converting memory to int: strconv.ParseInt: parsing "${amount}": invalid syntax`);
  }
  return Math.floor((Number(match[1]) * unitBytes) / MEBIBYTE);
}
