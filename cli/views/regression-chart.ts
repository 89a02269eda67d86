import { type Axis, axisOf, countingTicks } from './regression-axis.ts';

/** The loss curve of a training, in characters and as a picture. */

/** A curve as a party keeps it: numbers, and the iterations that they belong to, ascending. */
export interface Curve {
  readonly iterations: readonly number[];
  readonly values: readonly number[];
}

const HEIGHT = 11;
const WIDTH = 60;
const LABEL_WIDTH = 12;

/** A curve in characters under its title, which says so where the axis is logarithmic. */
export function drawCurve(title: string, curve: Curve): string {
  const axis = axisOf(curve.values);
  if (axis === undefined) return `${title}: no finite number`;
  const last = curve.iterations.at(-1) ?? 0;
  const grid = Array.from({ length: HEIGHT }, () => Array.from({ length: WIDTH }, () => ' '));
  for (const [index, value] of curve.values.entries()) {
    const row = grid[levelOf(axis, value)];
    if (Number.isFinite(value) && row !== undefined) row[columnOf(curve.iterations[index] ?? 0, last)] = '*';
  }
  const labels = new Map(axis.ticks.map((tick) => [levelOf(axis, tick), formatTick(tick)]));
  const rows = grid.map((cells, level) => {
    const label = labels.get(level);
    return `${(label ?? '').padStart(LABEL_WIDTH)} ${label === undefined ? '|' : '+'}${cells.join('')}`.trimEnd();
  });
  return [titleOf(title, axis), ...rows.toReversed(), ...baseOf(last)].join('\n');
}

function titleOf(title: string, { scale }: Axis): string {
  return scale === 'linear' ? title : `${title} (logarithmic axis)`;
}

function levelOf({ place }: Axis, value: number): number {
  return Math.round(place(value) * (HEIGHT - 1));
}

function columnOf(iteration: number, last: number): number {
  return last === 0 ? 0 : Math.round((iteration / last) * (WIDTH - 1));
}

/** The lower axis, and the iterations below it. */
function baseOf(last: number): [line: string, labels: string] {
  const cells = Array.from({ length: WIDTH }, () => '-');
  let labels = ' '.repeat(LABEL_WIDTH + 2);
  for (const tick of countingTicks(last)) {
    const column = columnOf(tick, last);
    cells[column] = '+';
    labels = labels.padEnd(LABEL_WIDTH + 2 + column) + String(tick);
  }
  return [`${' '.repeat(LABEL_WIDTH + 1)}+${cells.join('')}`, `${labels}  iteration`];
}

const PICTURE = { width: 720, height: 420, left: 90, right: 25, top: 60, bottom: 55 } as const;

/**
 * A curve as an SVG picture (SVG 1.1). The axis of the numbers is logarithmic when they span more than two orders of
 * magnitude, and says so.
 */
export function curveSvg(title: string, { iterations, values }: Curve): string {
  const { width, height, left, right, top, bottom } = PICTURE;
  const axis = axisOf(values);
  const last = Math.max(1, iterations.at(-1) ?? 1);
  const across = (iteration: number): number => left + (iteration / last) * (width - left - right);
  const up = (value: number): number => height - bottom - (axis?.place(value) ?? 0) * (height - top - bottom);
  const points = values.flatMap((value, index) =>
    Number.isFinite(value) ? [`${across(iterations[index] ?? 0).toFixed(1)},${up(value).toFixed(1)}`] : [],
  );
  const base = height - bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(width / 2, 22, 'middle', title),
    text(left - 8, top - 18, 'start', axis?.scale === 'logarithmic' ? 'loss (logarithmic axis)' : 'loss'),
    ...(axis?.ticks ?? []).flatMap((tick) => [
      line([left, up(tick)], [width - right, up(tick)], '#ddd'),
      text(left - 8, up(tick) + 4, 'end', formatTick(tick)),
    ]),
    ...countingTicks(last).flatMap((tick) => [
      line([across(tick), base], [across(tick), base + 5], '#555'),
      text(across(tick), base + 20, 'middle', String(tick)),
    ]),
    line([left, top], [left, base], '#555'),
    line([left, base], [width - right, base], '#555'),
    text((left + width - right) / 2, base + 42, 'middle', 'iteration'),
    `<polyline points="${points.join(' ')}" fill="none" stroke="#1565c0" stroke-width="2"/>`,
    '</svg>',
    '',
  ].join('\n');
}

type Point = readonly [x: number, y: number];

function line([x1, y1]: Point, [x2, y2]: Point, colour: string): string {
  const ends = `M${x1.toFixed(1)},${y1.toFixed(1)} L${x2.toFixed(1)},${y2.toFixed(1)}`;
  return `<path d="${ends}" fill="none" stroke="${colour}"/>`;
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

/** A round number; its digits are few. */
function formatTick(tick: number): string {
  const digits = String(tick);
  return digits.length <= LABEL_WIDTH ? digits : tick.toExponential();
}

function escapeXml(content: string): string {
  return content.replaceAll(/[&<>"]/gu, (character) => `&#${character.charCodeAt(0)};`);
}
