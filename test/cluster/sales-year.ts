import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

/** The year of sales that scripts/fetch-sales-year.sh puts into the cache. */
export function salesYear(): { transactions: string; products: string } {
  const cache =
    process.env['QUARRY_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'quarry');
  const directory = join(cache, 'sales-2017');
  if (!existsSync(join(directory, 'transactions.parquet'))) {
    throw new Error('the year of sales is not there: bash scripts/fetch-sales-year.sh');
  }
  return {
    transactions: join(directory, 'transactions.parquet'),
    products: join(directory, 'products.parquet'),
  };
}

/** Rows of a query on DuckDB alone, for comparison. */
export async function duckdbRows(sql: string): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
