// Every night at 02:00 UTC: wait until yesterday's clicks have landed, rank its products, send a mail.
// `semantics: 'interval'` makes `ds` the day whose data a run is about: the run of 02:00 on the 22nd has ds = the 21st.
import { cron, dag, email, job, pathSensor } from 'quarry/workflow';

const tables = process.env['CLICKS_TABLES'] ?? 'jdbc:mysql://127.0.0.1:3306/clicks';
const user = process.env['CLICKS_TABLES_USER'] ?? '';
const password = process.env['CLICKS_TABLES_PASSWORD'] ?? '';

export default dag(
  'clickstream_daily',
  {
    description: "Ranks yesterday's clicks once they have landed",
    schedule: cron('0 2 * * *', { timezone: 'UTC', semantics: 'interval' }),
    startDate: '2026-01-01',
    maxActiveRuns: 3,
    defaults: { retries: 20, retryDelayMs: 1_000, exponentialBackoff: true, maxRetryDelayMs: 30_000 },
  },
  (d) => {
    const landed = d.task(
      'landed',
      pathSensor('/data/raw/clicks/{{ ds | format("yyyy/MM/dd") }}/_SUCCESS', { intervalMs: 1_000 }),
    );
    const ranking = d.task(
      'ranking',
      job('best-products.ts', ['--date', '{{ ds }}', '--tables', tables, '--replace'], {
        environment: { CLICKS_TABLES_USER: user, CLICKS_TABLES_PASSWORD: password },
      }),
    );
    const mail = d.task(
      'mail',
      email({
        to: process.env['CLICKS_MAIL_TO'] ?? 'team@localhost',
        subject: 'Best products of {{ ds }}',
        text: "The clicks of {{ ds }} are ranked: SELECT * FROM best_products WHERE ds = '{{ ds }}' ORDER BY position",
      }),
    );
    d.chain(landed, ranking, mail);
  },
);
