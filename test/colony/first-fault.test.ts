import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { arrayOf, recordOf } from '../../colony/messages/first-fault.ts';
import { batch } from '../../colony/messages/batch.ts';
import { closeFailed } from '../../colony/messages/processes.ts';
import { time } from '../../colony/messages/wire.ts';

const pairs: Readonly<Record<string, readonly [ours: z.ZodType, whole: z.ZodType]>> = {
  texts: [arrayOf(z.string()), z.array(z.string())],
  anything: [arrayOf(z.unknown()), z.array(z.unknown())],
  lists: [arrayOf(arrayOf(z.number().int())), z.array(z.array(z.number().int()))],
  times: [arrayOf(time), z.array(time)],
  'maps of texts': [recordOf(z.string()), z.record(z.string(), z.string())],
  'maps of anything': [recordOf(z.unknown()), z.record(z.string(), z.unknown())],
  'maps of lists': [recordOf(arrayOf(z.boolean())), z.record(z.string(), z.array(z.boolean()))],
};

const times = fc.constantFrom('2026-11-20T08:41:43Z', '0001-01-01T00:00:00Z', 'noon', null);
const values = fc.oneof(fc.string(), fc.integer(), fc.boolean(), times, fc.array(fc.integer()), fc.array(fc.boolean()));
const anyList = fc.oneof(fc.array(values), fc.array(fc.string()), fc.array(times), fc.array(fc.array(fc.integer())));
const anyMap = fc.oneof(
  fc.dictionary(fc.string(), fc.string()),
  fc.dictionary(fc.string(), values),
  fc.constantFrom('{"__proto__":"x","a":"y"}', '{"constructor":"x"}').map((json): unknown => JSON.parse(json)),
);

test.each(Object.entries(pairs))('%s are read as zod reads them, up to the first fault', (_, [ours, whole]) => {
  fc.assert(
    fc.property(fc.oneof(anyList, anyMap, fc.anything()), (value) => {
      const [mine, its] = [z.safeDecode(ours, value), z.safeDecode(whole, value)];
      expect(mine.data).toEqual(its.data);
      expect(mine.error?.issues[0]).toEqual(its.error?.issues[0]);
      const written = [z.safeEncode(ours, mine.data), z.safeEncode(whole, its.data)].map(({ data }) => data);
      expect(written[0]).toEqual(written[1]);
    }),
    { seed: 3, numRuns: 500 },
  );
});

test('what is at fault a hundred thousand times is said once', () => {
  const zeros = Array.from({ length: 100_000 }, () => 0);
  expect(z.safeDecode(closeFailed.request, { errors: zeros }).error?.issues).toMatchObject([{ path: ['errors', 0] }]);
  expect(z.safeDecode(batch.reply, { replies: zeros }).error?.issues).toMatchObject([{ path: ['replies', 0] }]);
  const map = Object.fromEntries(zeros.map((zero, index) => [`k${index}`, zero]));
  expect(z.safeParse(recordOf(z.string()), map).error?.issues).toMatchObject([{ path: ['k0'] }]);
});
