// Clicks per minute and product, counted as they arrive, into a view that a dashboard reads.
//
//   quarry submit --supervise examples/clickstream/clicks-per-minute.ts --log quarry-log://HOST:PORT --view-url quarry-views://HOST:PORT
//
// --log kafka://HOST:PORT and --view-url redis://HOST:PORT for real ones. --available-now counts what is there and ends: with a
// view and a checkpoint of its own that is the replay of a Kappa architecture.
import { parseArgs } from 'node:util';
import { col, count, date_format, from_json, lit, QuarrySession, window } from 'quarry';

const { values } = parseArgs({
  options: {
    log: { type: 'string' },
    topic: { type: 'string', default: 'clicks' },
    'view-url': { type: 'string' },
    view: { type: 'string', default: 'clicks' },
    checkpoint: { type: 'string', default: '/system/checkpoints/clicks-per-minute' },
    delay: { type: 'string', default: '10 minutes' },
    trigger: { type: 'string', default: '1 second' },
    'available-now': { type: 'boolean', default: false },
  },
});
if (values.log === undefined || values['view-url'] === undefined)
  throw new Error('name --log and --view-url');

await using session = await QuarrySession.connect({ appName: 'clicks per minute' });
const isKafka = values.log.startsWith('kafka://');
const records = session.readStream
  .format(isKafka ? 'kafka' : 'quarry-log')
  .option(isKafka ? 'kafka.bootstrap.servers' : 'url', values.log.replace(/^kafka:\/\//, ''))
  .option('subscribe', values.topic)
  .option('startingOffsets', 'earliest')
  .load();

const perMinute = records
  .select(from_json(col('value').cast('string'), 'product STRING, msec DOUBLE').as('click'))
  .select(col('click.product'), col('click.msec').cast('timestamp').as('time'))
  .withWatermark('time', values.delay)
  .groupBy(window('time', '1 minute'), 'product')
  .agg(count(lit(1)).as('clicks'))
  .select(date_format('window.start', "yyyy-MM-dd'T'HH:mm:ss'Z'").as('minute'), 'product', 'clicks');

const query = await perMinute.writeStream
  .format(values['view-url'].startsWith('redis://') ? 'redis' : 'quarry-view')
  .option('url', values['view-url'])
  .option('view', values.view)
  .option('keyColumns', 'minute')
  .option('fieldColumn', 'product')
  .option('valueColumn', 'clicks')
  .option('checkpointLocation', values.checkpoint)
  .queryName(values.view)
  .outputMode('update')
  .trigger(values['available-now'] ? { availableNow: true } : { processingTime: values.trigger })
  .start();
await query.awaitTermination();
