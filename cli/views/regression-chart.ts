const HEIGHT = 10;
const WIDTH = 60;

/** A curve of numbers in characters, largest value at the top. */
export function drawCurve(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const columns = Math.min(WIDTH, values.length);
  const levels = Array.from({ length: columns }, (_, column) => {
    const value = values[Math.round((column * (values.length - 1)) / Math.max(1, columns - 1))] ?? low;
    return high === low ? 0 : Math.round(((value - low) / (high - low)) * (HEIGHT - 1));
  });
  const rows = Array.from({ length: HEIGHT }, (_, row) => {
    const level = HEIGHT - 1 - row;
    const label = row === 0 ? formatValue(high) : level === 0 ? formatValue(low) : '';
    return `${label.padStart(12)} |${levels.map((at) => (at === level ? '*' : ' ')).join('')}`.trimEnd();
  });
  return [...rows, `${' '.repeat(13)}+${'-'.repeat(columns)} ${values.length} iterations`].join('\n');
}

const PICTURE = { width: 720, height: 400, left: 90, right: 20, top: 40, bottom: 50 } as const;

/** A curve of numbers as an SVG picture (SVG 1.1), with its first and last iteration and its extremes named. */
export function curveSvg(title: string, values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const { width, height, left, right, top, bottom } = PICTURE;
  const place = (value: number, index: number): string => {
    const x = left + (index / Math.max(1, values.length - 1)) * (width - left - right);
    const y = high === low ? height - bottom : top + ((high - value) / (high - low)) * (height - top - bottom);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  const points = values.map((value, index) => (Number.isFinite(value) ? place(value, index) : '')).join(' ');
  const base = height - bottom;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(width / 2, 22, 'middle', title),
    `<path d="M${left},${top} V${base} H${width - right}" fill="none" stroke="#555"/>`,
    text(left - 8, top + 5, 'end', formatValue(high)),
    text(left - 8, base, 'end', formatValue(low)),
    text(left, base + 20, 'middle', '0'),
    text(width - right, base + 20, 'end', String(values.length - 1)),
    text((left + width - right) / 2, base + 38, 'middle', 'iteration'),
    `<polyline points="${points}" fill="none" stroke="#1565c0" stroke-width="2"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, anchor: string, content: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function formatValue(value: number): string {
  return String(Number(value.toPrecision(5)));
}

function escapeXml(content: string): string {
  return content.replaceAll(/[&<>"]/gu, (character) => `&#${character.charCodeAt(0)};`);
}
