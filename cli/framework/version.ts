import { createRequire } from 'node:module';

/** The version of this package. */
export function packageVersion(): string {
  const description: unknown = createRequire(import.meta.url)('sealed-colonies/package.json');
  if (typeof description !== 'object' || description === null || !('version' in description)) return 'unknown';
  return String(description.version);
}
