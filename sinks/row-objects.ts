import type { TableRows, TableValue } from './table-store.ts';

/** Every row of a read as an object by column name. */
export async function rowObjects({ columns, batches }: TableRows): Promise<Record<string, TableValue>[]> {
  const found: Record<string, TableValue>[] = [];
  for await (const batch of batches) {
    for (const row of batch) found.push(Object.fromEntries(columns.map(({ name }, at) => [name, row[at]!])));
  }
  return found;
}
