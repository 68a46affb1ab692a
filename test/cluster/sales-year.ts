import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { cacheDirectory } from '../cache-directory.ts';

/** The year of sales that scripts/fetch-sales-year.sh puts into the cache. */
export function salesYear(): { transactions: string; products: string } {
  const directory = join(cacheDirectory, 'sales-2017');
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
