import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, parse, printJson } from '../command.ts';
import { CLUSTER_OPTION, withSession } from '../connection.ts';

/** Rows shown when nobody asks for all of them. */
const SHOWN_ROWS = 100;

export const sqlCommand: Command = {
  name: 'sql',
  summary: 'one SQL query',
  usage: `quarry sql [--cluster DIR] [--json] 'SELECT ... FROM parquet.\`/path\`'
    prints a table of at most ${SHOWN_ROWS} rows, with --json an array of all row objects`,
  async run(args) {
    const { values, positionals } = parse('sql', args, {
      ...CLUSTER_OPTION,
      json: { type: 'boolean', default: false },
    });
    const text = positionals.join(' ');
    if (text.trim() === '')
      throw new QuarryError('INVALID_ARGUMENT', 'give one query; see quarry sql --help');
    await withSession(values.cluster, async (session) => {
      const result = session.sql(text);
      if (values.json) printJson(await result.collect());
      else await result.show(SHOWN_ROWS, { truncate: false });
    });
    return 0;
  },
};
