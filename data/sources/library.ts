import { DataError } from '../errors.ts';

/**
 * Loads an optional library the first time a source needs it.
 *
 * @param load the dynamic import
 * @throws DataError `LIBRARY_MISSING` with the command that installs it, or its reason for not loading
 */
export async function loadLibrary<Library>(name: string, load: () => Promise<Library>): Promise<Library> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new DataError(
      'LIBRARY_MISSING',
      `data source: the library ${name} could not be loaded (${code}); install it with "npm install ${name}"`,
    );
  }
}
