import { ingest } from '../../client/ingest/ingest.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, parse, print, printJson, wholeNumber } from '../command.ts';
import { CLUSTER_OPTION, withFileSystem } from '../connection.ts';
import { Progress } from '../progress.ts';

export const ingestCommand: Command = {
  name: 'ingest',
  summary: 'local Parquet, CSV or JSON lines into block-aligned Parquet',
  usage: `quarry ingest SOURCE... DESTINATION [--cluster DIR] [--format parquet|csv|json] [--partition-by COL|date(COL)] [--layout T]
    [--timezone Z] [--block-size N] [--row-group-bytes N] [--json]
    SOURCE is a file, a directory or a glob. Part files are written into the directory DESTINATION; --partition-by COL makes
    COL=value/, date(COL) makes date=YYYY-MM-DD/; --layout '{date}/' with --partition-by 'date(COL)' makes plain folders and keeps the column`,
  async run(args) {
    const { values, positionals } = parse('ingest', args, {
      ...CLUSTER_OPTION,
      format: { type: 'string' },
      'partition-by': { type: 'string' },
      layout: { type: 'string' },
      timezone: { type: 'string', default: 'UTC' },
      'block-size': { type: 'string' },
      'row-group-bytes': { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    if (positionals.length < 2)
      throw new QuarryError(
        'INVALID_ARGUMENT',
        'give at least one source and a destination; see quarry ingest --help',
      );
    const format = values.format;
    if (format !== undefined && format !== 'parquet' && format !== 'csv' && format !== 'json') {
      throw new QuarryError('INVALID_ARGUMENT', `--format takes parquet, csv or json, not ${format}`);
    }
    const partitionBy = values['partition-by'];
    const date = partitionBy === undefined ? null : /^date\((.+)\)$/.exec(partitionBy);
    const progress = new Progress('ingest');
    const report = await withFileSystem(values.cluster, (fs) =>
      ingest({
        fs,
        sources: positionals.slice(0, -1),
        destination: positionals.at(-1)!,
        timezone: values.timezone,
        ...(format === undefined ? {} : { format }),
        ...(partitionBy === undefined
          ? {}
          : { partitionBy: date === null ? partitionBy : { date: date[1]! } }),
        ...(values.layout === undefined ? {} : { layout: values.layout }),
        ...(values['block-size'] === undefined
          ? {}
          : { blockSizeBytes: wholeNumber('--block-size', values['block-size'], 1) }),
        ...(values['row-group-bytes'] === undefined
          ? {}
          : { rowGroupBytes: wholeNumber('--row-group-bytes', values['row-group-bytes'], 1) }),
        onProgress: ({ rows }) => progress.update(rows, 0, 'rows'),
      }).finally(() => progress.end()),
    );
    if (values.json) printJson(report);
    else
      print(
        `${report.rows} rows in ${report.files.length} files, ${(report.bytes / 2 ** 20).toFixed(1)} MiB`,
      );
    return 0;
  },
};
