// Which products sold best on one day: rows of that day grouped by product, ranked, joined with the products' names.
//
//   quarry submit examples/daily-sales.ts --date 2017-05-01 [--input /data/raw/sales] [--products /data/products] [--json]
import { parseArgs } from 'node:util';
import { col, desc, QuarrySession, row_number, sum, Window } from 'quarry';

const { values } = parseArgs({
  options: {
    date: { type: 'string' },
    input: { type: 'string', default: '/data/raw/sales' },
    products: { type: 'string', default: '/data/products' },
    json: { type: 'boolean', default: false },
  },
});
if (values.date === undefined) throw new Error('name a day: --date YYYY-MM-DD');

await using session = await QuarrySession.connect({ appName: 'daily sales' });
const sales = session.read.parquet(`${values.input}/${values.date}`);
const products = session.read.parquet(values.products);

// Money as decimals: their sum does not depend on the order in which nodes add it up.
const ranking = sales
  .groupBy('product_id')
  .agg(sum(col('sales_value').cast('decimal(12,2)')).as('sales'))
  .withColumn('rank', row_number().over(Window.orderBy(desc('sales'), col('product_id'))))
  .filter(col('rank').le(20))
  .join(products, 'product_id', 'left')
  .select('rank', 'product_id', 'product_type', 'department', 'sales')
  .orderBy('rank');

if (values.json) console.log(JSON.stringify(await ranking.collect(), null, 2));
else await ranking.show(20, { truncate: false });
