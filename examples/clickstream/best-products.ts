// The best products of one day, from the raw clicks that have landed: a ranking and the day's clicks per minute, in SQL tables.
//
//   quarry submit examples/clickstream/best-products.ts --date 2026-11-21 --tables jdbc:mysql://HOST:PORT/DB --replace
//
// --replace keeps one result a date however often the day is run again.
import { parseArgs } from 'node:util';
import { col, count, date_format, date_trunc, desc, lit, QuarrySession, row_number, Window } from 'quarry';

const { values } = parseArgs({
  options: {
    date: { type: 'string' },
    input: { type: 'string', default: '/data/raw/clicks' },
    tables: { type: 'string' },
    user: { type: 'string', default: process.env['CLICKS_TABLES_USER'] ?? '' },
    password: { type: 'string', default: process.env['CLICKS_TABLES_PASSWORD'] ?? '' },
    replace: { type: 'boolean', default: false },
  },
});
if (values.date === undefined || values.tables === undefined) throw new Error('name --date and --tables');

await using session = await QuarrySession.connect({ appName: `best products of ${values.date}` });
const clicks = session.read
  .parquet(`${values.input}/${values.date.replaceAll('-', '/')}`)
  .filter(col('late').eq(false))
  .withColumn('ds', lit(values.date));

const ranking = clicks
  .groupBy('ds', 'product')
  .agg(count(lit(1)).as('clicks'))
  .withColumn('position', row_number().over(Window.orderBy(desc('clicks'), col('product'))));

const perMinute = clicks
  .groupBy(
    'ds',
    date_format(date_trunc('minute', col('event_time')), "yyyy-MM-dd'T'HH:mm:ss'Z'").as('minute'),
    'product',
  )
  .agg(count(lit(1)).as('clicks'));

for (const [table, rows] of [
  ['best_products', ranking],
  ['clicks_per_minute', perMinute],
] as const) {
  const writer = rows.write
    .format('jdbc')
    .option('url', values.tables)
    .option('user', values.user)
    .option('password', values.password)
    .option('dbtable', table)
    .mode('append');
  await (values.replace ? writer.option('quarry.replaceKeys', 'ds') : writer).save();
}
await ranking.orderBy('position').show(10, { truncate: false });
