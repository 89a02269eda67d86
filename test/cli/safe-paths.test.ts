import { mkdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSize, isWithin, normalizeLabel } from '../../cli/views/files.ts';
import { directoriesBetween, isPlainName, makeDirectories } from '../../cli/views/safe-paths.ts';
import { temporaryDirectory } from './support.ts';

const SEED = 20_261_120;
/** Text in which everything that means something in paths is frequent. */
const pathText = fc.string({ unit: fc.constantFrom('.', '/', '\\', '\u0000', ':', ' ', 'a', 'é') });

test('a plain name never leads out of the directory that it is put into', () => {
  fc.assert(
    fc.property(pathText, (name) => {
      fc.pre(isPlainName(name));
      const path = join('/target', name);
      expect(dirname(path)).toBe(join('/target'));
      expect(path.endsWith(sep + name)).toBe(true);
      expect(path).not.toContain('\u0000');
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test('the directories between two labels lead below the directory, or there are none', () => {
  fc.assert(
    fc.property(pathText, pathText, (above, rest) => {
      const directories = directoriesBetween(normalizeLabel(above), normalizeLabel(above) + rest);
      if (directories === undefined) return;
      const path = join('/target', ...directories);
      expect(path === '/target' || path.startsWith('/target/')).toBe(true);
      expect(directories.every(isPlainName)).toBe(true);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test('a label is normal after it was made normal, absolute, and leads nowhere up', () => {
  fc.assert(
    fc.property(pathText, (label) => {
      const normal = normalizeLabel(label);
      expect(normalizeLabel(normal)).toBe(normal);
      expect(normal).toMatch(/^\/(?:[^]*[^/])?$/u);
      expect(normal.split('/')).not.toContain('..');
      expect(isWithin(normal, '/')).toBe(true);
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test.each([
  ['/data', '/data', []],
  ['/data', '/data/a/b', ['a', 'b']],
  ['/', '/a', ['a']],
  ['/data', '/data2', undefined],
  ['/data', '/data/../x', undefined],
  ['/data', '/data//x', undefined],
  ['/data', 'data/x', undefined],
])('from %s to %s', (above, label, expected) => {
  expect(directoriesBetween(above, label)).toEqual(expected);
});

describe('directories are made', () => {
  test('below the one that was named, which may be a link', async () => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'real'));
    await symlink(join(directory.path, 'real'), join(directory.path, 'link'));
    const path = await makeDirectories(join(directory.path, 'link'), ['a', 'b']);
    expect(path.endsWith(join('real', 'a', 'b'))).toBe(true);
    expect(await makeDirectories(join(directory.path, 'link'), ['a', 'b'])).toBe(path);
  });

  test('but not through links or files below it', async () => {
    await using directory = await temporaryDirectory();
    await using outside = await temporaryDirectory();
    await symlink(outside.path, join(directory.path, 'link'));
    await writeFile(join(directory.path, 'file'), '');
    for (const name of ['link', 'file']) {
      await expect(makeDirectories(directory.path, [name, 'below'])).rejects.toThrow(
        'expected a directory, no link to one, got something else',
      );
    }
    expect(await readlink(join(directory.path, 'link'))).toBe(outside.path);
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [5 * 1024 ** 4, '5.0 TiB'],
  [1024 ** 5, '1024.0 TiB'],
])('%d bytes are %s', (sizeBytes, expected) => {
  expect(formatSize(sizeBytes)).toBe(expected);
});
