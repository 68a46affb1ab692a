import mysql, { type FieldPacket } from 'mysql2';
import { QuarryError } from '../../common/quarry-error.ts';
import type { TableColumn, TableValue } from '../table-store.ts';

/** Spark's mapping for MySQL; times keep their microseconds, text compares byte by byte as Spark's does. */
const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BIT(1)',
  tinyint: 'TINYINT',
  smallint: 'SMALLINT',
  int: 'INT',
  bigint: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  string: 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  binary: 'LONGBLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMP(6)',
  timestamp_ntz: 'DATETIME(6)',
  void: 'LONGTEXT',
};

/** Text that an index is to find: a LONGTEXT can have none. */
const INDEXED_TEXT = 'VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/** Errors: UNSUPPORTED for nested types and decimals that MySQL does not have. */
export function mysqlType({ name, type }: TableColumn, isIndexed: boolean): string {
  if (type === 'string' && isIndexed) return INDEXED_TEXT;
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type);
  if (decimal !== null) {
    if (Number(decimal[2]) <= 30) return `DECIMAL(${decimal[1]},${decimal[2]})`;
    throw new QuarryError(
      'UNSUPPORTED',
      `column ${name}: MySQL has decimals of up to 30 places, not ${type}`,
    );
  }
  const found = TYPES[type] ?? (/^(var)?char\(\d+\)$/.test(type) ? TYPES['string'] : undefined);
  if (found !== undefined) return found;
  throw new QuarryError(
    'UNSUPPORTED',
    `column ${name}: MySQL has no type for ${type}: cast it, to_json makes a string of nested values`,
  );
}

const UNSIGNED = 32;
const NOT_NULL = 1;
/** The "character set" of bytes. */
const BINARY = 63;

/** The column of a result as Spark sees it through JDBC; DATETIME is timestamp_ntz here. */
export function sparkColumn(field: FieldPacket): TableColumn {
  const flags = Number(field.flags);
  return {
    name: field.name,
    type: sparkType(field, (flags & UNSIGNED) !== 0),
    nullable: (flags & NOT_NULL) === 0,
  };
}

function sparkType(field: FieldPacket, isUnsigned: boolean): string {
  const length = (field as { columnLength?: number }).columnLength ?? 0;
  const decimals = field.decimals ?? 0;
  switch (field.columnType) {
    case mysql.Types.TINY:
      if (length === 1) return 'boolean';
      return isUnsigned ? 'smallint' : 'tinyint';
    case mysql.Types.SHORT:
      return isUnsigned ? 'int' : 'smallint';
    case mysql.Types.INT24:
    case mysql.Types.YEAR:
      return 'int';
    case mysql.Types.LONG:
      return isUnsigned ? 'bigint' : 'int';
    case mysql.Types.LONGLONG:
      return isUnsigned ? 'decimal(20,0)' : 'bigint';
    case mysql.Types.FLOAT:
      return 'float';
    case mysql.Types.DOUBLE:
      return 'double';
    case mysql.Types.DECIMAL:
    case mysql.Types.NEWDECIMAL: {
      const digits = length - (decimals > 0 ? 1 : 0) - (isUnsigned ? 0 : 1);
      return `decimal(${Math.min(Math.max(digits, 1), 38)},${Math.min(decimals, 38)})`;
    }
    case mysql.Types.BIT:
      return length === 1 ? 'boolean' : 'bigint';
    case mysql.Types.DATE:
    case mysql.Types.NEWDATE:
      return 'date';
    case mysql.Types.TIMESTAMP:
      return 'timestamp';
    case mysql.Types.DATETIME:
      return 'timestamp_ntz';
    default:
      return (field as { characterSet?: number }).characterSet === BINARY && mayBeBytes(field)
        ? 'binary'
        : 'string';
  }
}

/** JSON and TIME have the binary character set too, and are text all the same. */
function mayBeBytes({ columnType }: FieldPacket): boolean {
  return (
    columnType !== mysql.Types.JSON && columnType !== mysql.Types.TIME && columnType !== mysql.Types.NULL
  );
}

/** What mysql2 makes of a cell: numbers and times that would lose something are texts. */
export type MysqlCell = string | number | Buffer | object | null;

/** A cell as the type says. */
export function tableValue(cell: MysqlCell, type: string): TableValue {
  if (cell === null) return null;
  const text = () =>
    typeof cell === 'object' && !Buffer.isBuffer(cell) ? JSON.stringify(cell) : cell.toString();
  switch (type) {
    case 'boolean':
      return Buffer.isBuffer(cell) ? cell[0] === 1 : Number(cell) !== 0;
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'float':
    case 'double':
      return Number(cell);
    case 'bigint':
      // BIT(n) comes as bytes, most significant first.
      return Buffer.isBuffer(cell) ? BigInt(`0x${cell.toString('hex')}`).toString() : text();
    case 'binary':
      return cell as Buffer;
    default:
      return text();
  }
}
