import type { NumberSourceConfig } from '../config.ts';
import type { DataSource, Row } from '../source.ts';

const NUMBER_COLUMN = 'value';

/** A source of one row and one column, `value`: the number in the configuration itself. */
export function openNumberSource(config: NumberSourceConfig): DataSource {
  return {
    description: 'inline number',
    columns: () => Promise.resolve([NUMBER_COLUMN]),
    async *read(request): AsyncGenerator<readonly Row[]> {
      yield [request.columns.map(() => config.value)];
    },
    close: () => Promise.resolve(),
  };
}
