import { QuarrySession } from '../client/session.ts';
import { col } from '../client/dataframe/functions.ts';
import { openTables } from '../sinks/open-tables.ts';
import { openView } from '../sinks/open-view.ts';
import type { ClickTruth } from '../services/clicks/click-generator.ts';
import { type Pipeline, RAW_CLICKS } from './start-pipeline.ts';

/** On-time clicks, in all and by product. */
export interface Counted {
  readonly total: number;
  readonly products: Readonly<Record<string, number>>;
}

export function countedTruth({ products }: ClickTruth): Counted {
  return counted(products);
}

/** What a view of the stream holds. */
export async function countView(pipeline: Pipeline, viewName: string): Promise<Counted> {
  const view = await openView(pipeline.viewUrl);
  try {
    const keys = await view.keys(viewName, '', '\uffff');
    const products = new Map<string, number>();
    for (const fields of (await view.read(viewName, keys)).values()) {
      for (const [product, clicks] of fields) {
        products.set(product, (products.get(product) ?? 0) + Number(clicks));
      }
    }
    return counted(products);
  } finally {
    await view.close();
  }
}

/** What has landed as Parquet, late clicks apart; `late` is how many those are. */
export async function countRaw(pipeline: Pipeline, date: string): Promise<Counted & { late: number }> {
  await using session = await QuarrySession.connect({ cluster: pipeline.directory });
  const rows = await session.read
    .parquet(`${RAW_CLICKS}/${date.replaceAll('-', '/')}`)
    .groupBy('product', 'late')
    .count()
    .select(col('product'), col('late'), col('count'))
    .collect();
  const onTime = rows.filter((row) => row['late'] === false);
  const late = rows.filter((row) => row['late'] === true);
  return {
    ...counted(new Map(onTime.map((row) => [String(row['product']), Number(row['count'])]))),
    late: late.reduce((sum, row) => sum + Number(row['count']), 0),
  };
}

/** What the nightly job has written. */
export async function countBatch({ tables }: Pipeline, date: string): Promise<Counted> {
  const store = await openTables(tables.jdbcUrl, tables);
  try {
    const rows = await store.query('SELECT product, clicks FROM best_products WHERE ds = ?', [date]);
    return counted(new Map(rows.map(({ product, clicks }) => [String(product), Number(clicks)])));
  } finally {
    await store.close();
  }
}

function counted(products: ReadonlyMap<string, number>): Counted {
  const sorted = [...products].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    total: sorted.reduce((sum, [, clicks]) => sum + clicks, 0),
    products: Object.fromEntries(sorted),
  };
}
