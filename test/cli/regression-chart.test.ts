import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { axisOf, countingTicks } from '../../cli/views/regression-axis.ts';
import { curveSvg, drawCurve } from '../../cli/views/regression-chart.ts';

function curveOf(values: readonly number[]) {
  return { values, iterations: values.map((_, index) => index) };
}

describe('an axis', () => {
  test('has round ticks that enclose all numbers, seven at most', () => {
    const number = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
        const axis = axisOf(values);
        const ticks = axis?.ticks ?? [];
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(7);
        expect(ticks).toEqual(ticks.toSorted((left, right) => left - right));
        for (const value of values) {
          expect(axis?.place(value)).toBeGreaterThanOrEqual(-1e-9);
          expect(axis?.place(value)).toBeLessThanOrEqual(1 + 1e-9);
        }
        expect(axis?.place(ticks[0] ?? Number.NaN)).toBe(0);
        expect(axis?.place(ticks.at(-1) ?? Number.NaN)).toBe(1);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test('is logarithmic when positive numbers span more than two orders of magnitude, else linear', () => {
    expect(axisOf([1, 100])).toMatchObject({ scale: 'linear', ticks: [0, 20, 40, 60, 80, 100] });
    expect(axisOf([1, 101])).toMatchObject({ scale: 'logarithmic', ticks: [1, 10, 100, 1000] });
    expect(axisOf([0.004, 7])).toMatchObject({ ticks: [0.001, 0.01, 0.1, 1, 10] });
    expect(axisOf([1e-9, 1])?.ticks).toEqual([1e-9, 1e-7, 1e-5, 0.001, 0.1, 10]);
    expect(axisOf([0, 5000])?.scale).toBe('linear');
    expect(axisOf([-1, 5000])?.scale).toBe('linear');
    expect(axisOf([0.2, Number.POSITIVE_INFINITY, 0.21])?.scale).toBe('linear');
  });

  test('of one number has it in the middle, of none that is finite is none', () => {
    expect(axisOf([3, 3])?.place(3)).toBeCloseTo(0.5, 1);
    expect(axisOf([0])?.place(0)).toBeCloseTo(0.5, 1);
    expect(axisOf([Number.NaN, Number.POSITIVE_INFINITY])).toBeUndefined();
  });

  test('that counts has whole numbers from 0', () => {
    expect(countingTicks(0)).toEqual([0]);
    expect(countingTicks(3)).toEqual([0, 1, 2, 3]);
    expect(countingTicks(99)).toEqual([0, 20, 40, 60, 80]);
    expect(countingTicks(1000)).toEqual([0, 200, 400, 600, 800, 1000]);
  });
});

describe('a curve in characters', () => {
  test('stands beside its ticks, and its lowest axis counts iterations', () => {
    const lines = drawCurve('loss', curveOf([0.69, 0.4, 0.3, 0.25])).split('\n');
    expect(lines[0]).toBe('loss');
    expect(lines[1]).toMatch(/^ +0\.7 \+\*$/);
    expect(lines[11]).toMatch(/^ +0\.2 \+/);
    expect(lines.at(-1)).toMatch(/^ {14}0 +1 +2 +3 {2}iteration$/);
    expect(lines.join('').match(/\*/g)).toHaveLength(4);
  });

  test('says that its axis is logarithmic', () => {
    const drawn = drawCurve('loss', curveOf(Array.from({ length: 200 }, (_, step) => 1000 * 0.95 ** step)));
    expect(drawn).toMatch(/^loss \(logarithmic axis\)\n +1000 \+\*/);
    expect(drawn).toMatch(/\n +0\.01 \+/);
    expect(Math.max(...drawn.split('\n').map((line) => line.length))).toBeLessThan(90);
  });

  test('leaves out what is not finite, and an iteration that is missing leaves a gap', () => {
    const drawn = drawCurve('loss', { iterations: [0, 3], values: [2, 1] });
    expect(drawn.match(/\*/g)).toHaveLength(2);
    expect(drawn).toMatch(/0 +1 +2 +3 {2}iteration/);
    expect(drawCurve('loss', curveOf([1, Number.POSITIVE_INFINITY])).match(/\*/g)).toHaveLength(1);
    expect(drawCurve('loss', curveOf([Number.NaN]))).toBe('loss: no finite number');
  });
});

test('a picture has a point for each number, ticks with their numbers, and names a logarithmic axis', () => {
  const svg = curveSvg('a < b', curveOf([900, 30, 4]));
  expect(svg).toContain('a &#60; b');
  expect(svg.match(/<polyline points="([\d., ]+)"/)?.[1]?.split(' ')).toHaveLength(3);
  for (const tick of ['1', '10', '100', '1000']) expect(svg).toContain(`text-anchor="end">${tick}</text>`);
  expect(svg).toContain('loss (logarithmic axis)');
  expect(curveSvg('flat', curveOf([2, 1]))).not.toContain('logarithmic');
  expect(curveSvg('none', curveOf([Number.NaN]))).toContain('points=""');
});
