import { readdirSync } from 'node:fs';

/** Runs the benchmarks that are named on the command line, or all: `npm run bench -- paillier --quick`. */
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -3));
const words = process.argv.slice(2);
const named = words.filter((word) => known.includes(word));
const unknown = words.find((word, index) => index === 0 && !word.startsWith('-') && !known.includes(word));
if (unknown !== undefined) {
  console.error(`bench: expected one of ${known.join(', ')}, got "${unknown}"`);
  process.exitCode = 2;
} else {
  for (const name of named.length > 0 ? named : known) await import(`./${name}.ts`);
}
