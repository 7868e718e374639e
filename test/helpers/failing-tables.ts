// Tables that stop in the middle of a change, for tests of what is left then.

import type { Tables } from '../../host/store/tables.ts';

/** Tables whose transaction fails at the given write, counted from 0. */
export function failing(tables: Tables, at: number): Tables {
  let writes = 0;
  const count = (): void => {
    if (writes === at) throw new Error('the test stops it');
    writes += 1;
  };
  return {
    ...tables,
    transaction: (work) =>
      tables.transaction((writer) =>
        work({
          ...writer,
          async insert(table, rows) {
            count();
            await writer.insert(table, rows);
          },
          async update(table, set) {
            count();
            await writer.update(table, set);
          },
        }),
      ),
  };
}
