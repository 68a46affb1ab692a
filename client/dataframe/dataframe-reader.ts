import type { RelationInput } from '../../proto/gen/spark/connect/Relation.ts';
import type { DataFrame } from './dataframe.ts';

/** Where a DataFrame comes from. Immutable. Paths take globs and directories, `/a`, `hdfs://host:port/a` or `file:///a`. */
export class DataFrameReader {
  readonly #make: (relation: RelationInput) => DataFrame;
  readonly #format: string;
  readonly #options: Readonly<Record<string, string>>;
  readonly #schema: string | undefined;

  constructor(
    make: (relation: RelationInput) => DataFrame,
    format = 'parquet',
    options: Readonly<Record<string, string>> = {},
    schema?: string,
  ) {
    this.#make = make;
    this.#format = format;
    this.#options = options;
    this.#schema = schema;
  }

  format(format: string): DataFrameReader {
    return new DataFrameReader(this.#make, format, this.#options, this.#schema);
  }

  option(name: string, value: string | number | boolean): DataFrameReader {
    const options = { ...this.#options, [name]: String(value) };
    return new DataFrameReader(this.#make, this.#format, options, this.#schema);
  }

  /** The schema in DDL: 'id BIGINT, name STRING'. */
  schema(ddl: string): DataFrameReader {
    return new DataFrameReader(this.#make, this.#format, this.#options, ddl);
  }

  parquet(...paths: readonly string[]): DataFrame {
    return this.format('parquet').load(...paths);
  }
  csv(...paths: readonly string[]): DataFrame {
    return this.format('csv').load(...paths);
  }
  json(...paths: readonly string[]): DataFrame {
    return this.format('json').load(...paths);
  }
  text(...paths: readonly string[]): DataFrame {
    return this.format('text').load(...paths);
  }

  /** A table, or `(SELECT ...) AS name`, as it is when the query runs: at most some hundred thousand rows. `properties` has `user` and `password`. */
  jdbc(url: string, table: string, properties: Readonly<Record<string, string>> = {}): DataFrame {
    const options = { ...this.#options, ...properties, url, dbtable: table };
    return new DataFrameReader(this.#make, 'jdbc', options, this.#schema).load();
  }

  load(...paths: readonly string[]): DataFrame {
    return this.#make({
      read: {
        dataSource: {
          format: this.#format,
          ...(this.#schema === undefined ? {} : { schema: this.#schema }),
          options: { ...this.#options },
          paths: [...paths],
        },
      },
    });
  }

  /** A table or view by name. */
  table(name: string): DataFrame {
    return this.#make({ read: { namedTable: { unparsedIdentifier: name, options: { ...this.#options } } } });
  }
}
