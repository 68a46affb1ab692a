import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { DataFrame } from './dataframe.ts';

interface ReaderState {
  readonly make: (relation: RelationInput) => DataFrame;
  readonly format: string;
  readonly options: Readonly<Record<string, string>>;
  readonly schema?: string;
}

/**
 * Where a streaming DataFrame comes from. Immutable. Formats: kafka, quarry-log, rate, and new files of a directory (parquet, json, csv, text).
 *
 * @example
 * session.readStream.format('quarry-log').option('url', 'quarry-log://127.0.0.1:9871').option('subscribe', 'clicks').load()
 */
export class DataStreamReader {
  readonly #state: ReaderState;

  constructor(state: ReaderState) {
    this.#state = state;
  }

  format(format: string): DataStreamReader {
    return new DataStreamReader({ ...this.#state, format });
  }

  option(name: string, value: string | number | boolean): DataStreamReader {
    return this.options({ [name]: value });
  }

  options(options: Readonly<Record<string, string | number | boolean>>): DataStreamReader {
    const texts = Object.entries(options).map(([name, value]) => [name, String(value)] as const);
    return new DataStreamReader({
      ...this.#state,
      options: { ...this.#state.options, ...Object.fromEntries(texts) },
    });
  }

  /** The schema in DDL, which files but text need: 'id BIGINT, name STRING'. */
  schema(ddl: string): DataStreamReader {
    return new DataStreamReader({ ...this.#state, schema: ddl });
  }

  load(path?: string): DataFrame {
    const { make, format, options, schema } = this.#state;
    return make({
      read: {
        isStreaming: true,
        dataSource: {
          format,
          ...(schema === undefined ? {} : { schema }),
          options: { ...options },
          paths: path === undefined ? [] : [path],
        },
      },
    });
  }

  parquet(path: string): DataFrame {
    return this.format('parquet').load(path);
  }
  json(path: string): DataFrame {
    return this.format('json').load(path);
  }
  csv(path: string): DataFrame {
    return this.format('csv').load(path);
  }
  text(path: string): DataFrame {
    return this.format('text').load(path);
  }

  /** A view of a streaming DataFrame. */
  table(name: string): DataFrame {
    const { make, options } = this.#state;
    return make({
      read: { isStreaming: true, namedTable: { unparsedIdentifier: name, options: { ...options } } },
    });
  }
}
