import { QuarryError } from '../../common/quarry-error.ts';
import type { Catalog } from '../../proto/gen/spark/connect/Catalog.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import type { SparkType, StructType } from '../plan/spark-type.ts';
import { simpleString } from '../plan/types/simple-string.ts';
import type { Session } from '../session/session.ts';
import type { DriverCell } from './arrow-rows.ts';
import { type Result, rowsResult } from './result.ts';

const CATALOG = 'spark_catalog';
const DATABASE = 'default';
const GLOBAL_DATABASE = 'global_temp';

const STRING: SparkType = { kind: 'string' };
const BOOLEAN: SparkType = { kind: 'boolean' };
const NAMESPACE: SparkType = { kind: 'array', element: STRING, containsNull: false };

/** The calls of `spark.catalog`: one database, `default`, whose tables are the session's views. */
export function catalogResult(catalog: Catalog, session: Session): Result {
  switch (catalog.catType) {
    case 'currentCatalog':
      return text(CATALOG);
    case 'setCurrentCatalog':
      if (catalog.setCurrentCatalog!.catalogName !== CATALOG)
        throw noCatalog(catalog.setCurrentCatalog!.catalogName);
      return NOTHING;
    case 'listCatalogs':
      return rowsResult(columns({ name: STRING }, { description: STRING }), () =>
        matching([CATALOG], catalog.listCatalogs!.pattern).map((name) => [name, null]),
      );
    case 'currentDatabase':
      return text(DATABASE);
    case 'setCurrentDatabase':
      databaseRow(catalog.setCurrentDatabase!.dbName);
      return NOTHING;
    case 'listDatabases':
      return rowsResult(DATABASE_COLUMNS, () =>
        matching([DATABASE], catalog.listDatabases!.pattern).map(databaseRow),
      );
    case 'getDatabase':
      return rowsResult(DATABASE_COLUMNS, () => [databaseRow(catalog.getDatabase!.dbName)]);
    case 'databaseExists':
      return truth(() => [DATABASE, GLOBAL_DATABASE].includes(databaseName(catalog.databaseExists!.dbName)));
    case 'isCached':
      getView(session, catalog.isCached!.tableName);
      return truth(() => false);
    case 'cacheTable':
      getView(session, catalog.cacheTable!.tableName);
      return NOTHING;
    case 'uncacheTable':
      getView(session, catalog.uncacheTable!.tableName);
      return NOTHING;
    case 'clearCache':
    case 'refreshByPath':
    case 'refreshTable':
      // Files are listed again for every query: there is nothing to forget.
      return NOTHING;
    default:
      return viewResult(catalog, session);
  }
}

function viewResult(catalog: Catalog, session: Session): Result {
  switch (catalog.catType) {
    case 'listTables':
      return rowsResult(TABLE_COLUMNS, () =>
        listTables(session, catalog.listTables!.dbName, catalog.listTables!.pattern),
      );
    case 'listViews':
      return rowsResult(TABLE_COLUMNS, () =>
        listTables(session, catalog.listViews!.dbName, catalog.listViews!.pattern),
      );
    case 'getTable': {
      const name = qualified(catalog.getTable!.tableName, catalog.getTable!.dbName);
      getView(session, name);
      const isGlobal = name.toLowerCase().startsWith(`${GLOBAL_DATABASE}.`);
      return rowsResult(TABLE_COLUMNS, () => [
        tableRow(isGlobal ? name.slice(GLOBAL_DATABASE.length + 1) : name, isGlobal),
      ]);
    }
    case 'tableExists':
      return truth(
        () =>
          session.tempView(qualified(catalog.tableExists!.tableName, catalog.tableExists!.dbName)) !==
          undefined,
      );
    case 'listColumns': {
      const plan = getView(session, qualified(catalog.listColumns!.tableName, catalog.listColumns!.dbName));
      return rowsResult(COLUMN_COLUMNS, () =>
        plan.output.map(({ name, type, nullable }) => [
          name,
          null,
          simpleString(type),
          nullable,
          false,
          false,
          false,
        ]),
      );
    }
    case 'dropTempView':
      return truth(() => session.views.temporary.drop(unquoted(catalog.dropTempView!.viewName)));
    case 'dropGlobalTempView':
      return truth(() => session.views.global.drop(unquoted(catalog.dropGlobalTempView!.viewName)));
    default:
      return functionResult(catalog);
  }
}

/** The function tables are loaded when they are asked for: a driver starts without them. */
async function functions(pattern?: string | null): Promise<string[]> {
  const { functionNames } = await import('../plan/functions/function-table.ts');
  return matching(functionNames(), pattern);
}

function functionResult(catalog: Catalog): Result {
  switch (catalog.catType) {
    case 'listFunctions':
      return rowsResult(FUNCTION_COLUMNS, async () =>
        (await functions(catalog.listFunctions!.pattern)).map(functionRow),
      );
    case 'functionExists':
      return truth(async () =>
        (await functions()).includes(functionName(catalog.functionExists!.functionName)),
      );
    case 'getFunction': {
      const name = functionName(catalog.getFunction!.functionName);
      return rowsResult(FUNCTION_COLUMNS, async () => {
        if (!(await functions()).includes(name)) throw noFunction(name);
        return [functionRow(name)];
      });
    }
    default:
      throw new QuarryError(
        'UNSUPPORTED',
        `catalog call ${catalog.catType}: there are no tables besides views and files`,
      );
  }
}

/** Name, database and whether it is a temporary view, as `SHOW TABLES` has them. */
export function showTablesResult(session: Session, pattern: string | undefined): Result {
  return rowsResult(
    {
      kind: 'struct',
      fields: [
        { name: 'namespace', type: STRING, nullable: false },
        { name: 'tableName', type: STRING, nullable: false },
        { name: 'isTemporary', type: BOOLEAN, nullable: false },
      ],
    },
    () => matching(session.views.temporary.names(), pattern).map((name) => ['', name, true]),
  );
}

const DATABASE_COLUMNS = columns(
  { name: STRING },
  { catalog: STRING },
  { description: STRING },
  { locationUri: STRING },
);
const TABLE_COLUMNS = columns(
  { name: STRING },
  { catalog: STRING },
  { namespace: NAMESPACE },
  { description: STRING },
  { tableType: STRING },
  { isTemporary: BOOLEAN },
);
const FUNCTION_COLUMNS = columns(
  { name: STRING },
  { catalog: STRING },
  { namespace: NAMESPACE },
  { description: STRING },
  { className: STRING },
  { isTemporary: BOOLEAN },
);
const COLUMN_COLUMNS = columns(
  { name: STRING },
  { description: STRING },
  { dataType: STRING },
  { nullable: BOOLEAN },
  { isPartition: BOOLEAN },
  { isBucket: BOOLEAN },
  { isCluster: BOOLEAN },
);
const NOTHING = rowsResult({ kind: 'struct', fields: [] }, () => []);

function columns(...named: readonly Readonly<Record<string, SparkType>>[]): StructType {
  return {
    kind: 'struct',
    fields: named.flatMap((column) =>
      Object.entries(column).map(([name, type]) => ({ name, type, nullable: type.kind !== 'boolean' })),
    ),
  };
}

function text(cell: string): Result {
  return rowsResult({ kind: 'struct', fields: [{ name: 'value', type: STRING, nullable: true }] }, () => [
    [cell],
  ]);
}

/** `answer` is computed, and what it does is done, when the result is run and not when it is described. */
function truth(answer: () => boolean | Promise<boolean>): Result {
  return rowsResult(
    { kind: 'struct', fields: [{ name: 'value', type: BOOLEAN, nullable: false }] },
    async () => [[await answer()]],
  );
}

function listTables(
  session: Session,
  database: string | null | undefined,
  pattern: string | null | undefined,
) {
  const own = matching(session.views.temporary.names(), pattern).map((name) => tableRow(name, false));
  if (database === undefined || database === null || databaseName(database) === DATABASE) return own;
  if (databaseName(database) !== GLOBAL_DATABASE) throw noSchema(database);
  return [...matching(session.views.global.names(), pattern).map((name) => tableRow(name, true)), ...own];
}

function tableRow(name: string, isGlobal: boolean): DriverCell[] {
  return [name, null, isGlobal ? [GLOBAL_DATABASE] : [], null, 'TEMPORARY', true];
}

function functionRow(name: string): DriverCell[] {
  return [name, null, null, null, '', true];
}

/** A name as written, in lower case and without the default database. */
function functionName(name: string): string {
  return unquoted(name.replace(/^(?:spark_catalog\.)?default\./i, '')).toLowerCase();
}

function databaseRow(name: string): DriverCell[] {
  if (databaseName(name) === DATABASE) return [DATABASE, CATALOG, 'default database', '/user/hive/warehouse'];
  if (databaseName(name) === GLOBAL_DATABASE) return [GLOBAL_DATABASE, CATALOG, 'views of all sessions', ''];
  throw noSchema(name);
}

function getView(session: Session, name: string): LogicalPlan {
  const plan = session.tempView(name);
  if (plan !== undefined) return plan;
  const relationName = name
    .split('.')
    .map((part) => `\`${unquoted(part)}\``)
    .join('.');
  throw new QuarryError(
    'ANALYSIS',
    `[TABLE_OR_VIEW_NOT_FOUND] The table or view ${relationName} cannot be found. Verify the spelling and correctness of the schema and catalog. SQLSTATE: 42P01`,
    { details: { errorClass: 'TABLE_OR_VIEW_NOT_FOUND', sqlState: '42P01', relationName } },
  );
}

function qualified(table: string, database: string | null | undefined): string {
  const isOwn = database === undefined || database === null || databaseName(database) === DATABASE;
  return isOwn ? table.replace(/^(?:spark_catalog\.)?default\./i, '') : `${database}.${table}`;
}

function unquoted(name: string): string {
  return name.startsWith('`') && name.endsWith('`') ? name.slice(1, -1) : name;
}

/** `default`, `spark_catalog.default`, with or without back-ticks. */
function databaseName(name: string): string {
  return unquoted(name.replace(/^`?spark_catalog`?\./, ''));
}

/** Spark's patterns: `*` for any text, `|` between alternatives, without case. */
function matching(names: readonly string[], pattern: string | null | undefined): string[] {
  if (pattern === undefined || pattern === null) return [...names];
  const alternatives = pattern.split('|').map((part) =>
    part
      .trim()
      .split('*')
      .map((text) => text.replaceAll(/[.\\+?^${}()[\]]/g, '\\$&'))
      .join('.*'),
  );
  const expression = new RegExp(`^(?:${alternatives.join('|')})$`, 'i');
  return names.filter((name) => expression.test(name));
}

function noSchema(name: string): QuarryError {
  const schemaName = `\`${CATALOG}\`.\`${unquoted(name)}\``;
  return new QuarryError(
    'ANALYSIS',
    `[SCHEMA_NOT_FOUND] The schema ${schemaName} cannot be found. Verify the spelling and correctness of the schema and catalog. SQLSTATE: 42704`,
    { details: { errorClass: 'SCHEMA_NOT_FOUND', sqlState: '42704', schemaName } },
  );
}

function noFunction(name: string): QuarryError {
  return new QuarryError(
    'ANALYSIS',
    `[UNRESOLVED_ROUTINE] Cannot resolve routine \`${name}\` on search path [\`system\`.\`builtin\`, \`system\`.\`session\`, \`${CATALOG}\`.\`default\`]. SQLSTATE: 42883`,
    { details: { errorClass: 'UNRESOLVED_ROUTINE', sqlState: '42883', routineName: `\`${name}\`` } },
  );
}

function noCatalog(name: string): QuarryError {
  return new QuarryError(
    'ANALYSIS',
    `[CATALOG_NOT_FOUND] The catalog \`${name}\` not found. Consider to set the SQL config "spark.sql.catalog.${name}" to a catalog plugin. SQLSTATE: 42P08`,
    { details: { errorClass: 'CATALOG_NOT_FOUND', sqlState: '42P08', catalogName: `\`${name}\`` } },
  );
}
