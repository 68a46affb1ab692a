import { QuarryError } from '../../common/quarry-error.ts';

/**
 * The defaults of the keys that clients read. Sizes are plain bytes, because PySpark parses some of them with `int()`;
 * a default's form (number, boolean, text) is the form that `set` asks for.
 */
const DEFAULTS: Readonly<Record<string, string>> = {
  'spark.app.name': 'quarry',
  'spark.master': 'quarry',
  'spark.sql.adaptive.enabled': 'true',
  'spark.sql.ansi.enabled': 'true',
  'spark.sql.autoBroadcastJoinThreshold': '10485760',
  'spark.sql.caseSensitive': 'false',
  'spark.sql.catalogImplementation': 'in-memory',
  'spark.sql.charAsVarchar': 'false',
  'spark.sql.connect.serverStacktrace.enabled': 'false',
  'spark.sql.crossJoin.enabled': 'true',
  'spark.sql.defaultCatalog': 'spark_catalog',
  'spark.sql.execution.arrow.enabled': 'false',
  'spark.sql.execution.arrow.maxRecordsPerBatch': '10000',
  'spark.sql.execution.arrow.pyspark.enabled': 'true',
  'spark.sql.execution.arrow.pyspark.fallback.enabled': 'true',
  'spark.sql.execution.arrow.pyspark.selfDestruct.enabled': 'false',
  'spark.sql.execution.arrow.useLargeVarTypes': 'false',
  'spark.sql.execution.pandas.convertToArrowArraySafely': 'false',
  'spark.sql.execution.pandas.inferPandasDictAsMap': 'false',
  'spark.sql.execution.pandas.structHandlingMode': 'legacy',
  'spark.sql.execution.pyspark.binaryAsBytes': 'true',
  'spark.sql.execution.pythonUDF.arrow.enabled': 'false',
  'spark.sql.execution.pythonUDTF.arrow.enabled': 'false',
  'spark.sql.files.maxPartitionBytes': '134217728',
  'spark.sql.legacy.timeParserPolicy': 'CORRECTED',
  'spark.sql.mapKeyDedupPolicy': 'EXCEPTION',
  'spark.sql.optimizer.maxIterations': '100',
  'spark.sql.parquet.compression.codec': 'snappy',
  'spark.sql.parquet.mergeSchema': 'false',
  'spark.sql.pyspark.inferNestedDictAsStruct.enabled': 'false',
  'spark.sql.pyspark.jvmStacktrace.enabled': 'false',
  'spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled': 'false',
  'spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled': 'false',
  'spark.sql.pyspark.plotting.max_rows': '1000',
  'spark.sql.repl.eagerEval.enabled': 'false',
  'spark.sql.repl.eagerEval.maxNumRows': '20',
  'spark.sql.repl.eagerEval.truncate': '20',
  'spark.sql.session.localRelationBatchOfChunksSizeBytes': '536870912',
  'spark.sql.session.localRelationCacheThreshold': '67108864',
  'spark.sql.session.localRelationChunkSizeBytes': '16777216',
  'spark.sql.session.localRelationChunkSizeRows': '10000',
  'spark.sql.session.localRelationSizeLimit': '536870912',
  'spark.sql.session.timeZone': 'UTC',
  'spark.sql.shuffle.partitions': '200',
  'spark.sql.sources.default': 'parquet',
  'spark.sql.sources.partitionColumnTypeInference.enabled': 'true',
  'spark.sql.sources.partitionOverwriteMode': 'STATIC',
  'spark.sql.storeAssignmentPolicy': 'ANSI',
  'spark.sql.timestampType': 'TIMESTAMP_LTZ',
  'spark.sql.variable.substitute': 'true',
  'spark.sql.warehouse.dir': '/user/hive/warehouse',
};

/** Fixed when the driver starts. */
const STATIC_KEYS: ReadonlySet<string> = new Set([
  'spark.master',
  'spark.sql.catalogImplementation',
  'spark.sql.extensions',
  'spark.sql.warehouse.dir',
]);

/** A session's `spark.*` settings: what was set, over Spark's defaults. */
export class SparkConf {
  readonly #set: Map<string, string>;

  constructor(initial: Iterable<readonly [string, string]> = []) {
    this.#set = new Map(initial);
  }

  /** Undefined for a key that is neither set nor known. */
  find(key: string): string | undefined {
    return this.#set.get(key) ?? DEFAULTS[key];
  }

  /** Errors: INVALID_ARGUMENT (SQL_CONF_NOT_FOUND). */
  get(key: string): string {
    const value = this.find(key);
    if (value === undefined) throw notFound(key);
    return value;
  }

  /** Errors: INVALID_ARGUMENT for a static key or a value of another form than the default's. */
  set(key: string, value: string): void {
    if (!isModifiable(key)) throw cannotModify(key);
    checkValue(key, value);
    this.#set.set(key, value);
  }

  /** Back to the default. */
  unset(key: string): void {
    if (!isModifiable(key)) throw cannotModify(key);
    this.#set.delete(key);
  }

  reset(): void {
    this.#set.clear();
  }

  /** Everything with a value whose key starts with `prefix`, by key; the prefix is taken off, as Spark does. */
  all(prefix = ''): [string, string][] {
    return [...this.toMap()]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]): [string, string] => [key.slice(prefix.length), value])
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  toMap(): Map<string, string> {
    return new Map([...Object.entries(DEFAULTS), ...this.#set]);
  }

  /** What was set, without defaults. */
  changed(): ReadonlyMap<string, string> {
    return this.#set;
  }
}

export function isModifiable(key: string): boolean {
  return !STATIC_KEYS.has(key);
}

function checkValue(key: string, value: string): void {
  if (key === 'spark.sql.session.timeZone') {
    if (isTimeZone(value)) return;
    throw confError(
      'INVALID_CONF_VALUE.TIME_ZONE',
      `The value '${value}' in the config "${key}" is invalid. Cannot resolve the given timezone.`,
      '22022',
    );
  }
  const form = formOf(DEFAULTS[key]);
  const isOfForm =
    form === 'boolean'
      ? /^(true|false)$/i.test(value.trim())
      : form !== 'number' || /^-?\d+(\.\d+)?\s*[a-z]*$/i.test(value.trim());
  if (isOfForm) return;
  throw confError(
    'INVALID_CONF_VALUE.TYPE_MISMATCH',
    `The value '${value}' in the config "${key}" is invalid. It should be a ${form} value.`,
    '22022',
  );
}

function formOf(value: string | undefined): 'boolean' | 'number' | 'text' {
  if (value === 'true' || value === 'false') return 'boolean';
  return value !== undefined && /^\d+$/.test(value) ? 'number' : 'text';
}

/** Zone names and offsets (`+09:00`, `UTC+9`) that the formatting of times understands. */
export function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }).format(0) !== '';
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

function notFound(key: string): QuarryError {
  return confError(
    'SQL_CONF_NOT_FOUND',
    `The SQL config "${key}" cannot be found. Please verify that the config exists.`,
    '42K0I',
  );
}

function cannotModify(key: string): QuarryError {
  return new QuarryError(
    'ANALYSIS',
    `[CANNOT_MODIFY_STATIC_CONFIG] Cannot modify the value of the static Spark config: "${key}". SQLSTATE: 46110`,
    { details: { errorClass: 'CANNOT_MODIFY_STATIC_CONFIG', sqlState: '46110', key } },
  );
}

function confError(errorClass: string, text: string, sqlState: string): QuarryError {
  return new QuarryError('INVALID_ARGUMENT', `[${errorClass}] ${text} SQLSTATE: ${sqlState}`, {
    details: { errorClass, sqlState },
  });
}
