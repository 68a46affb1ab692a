import type { ColumnInput } from '../../proto/gen/quarry/Column.ts';
import type { ColumnTypeInput } from '../../proto/gen/quarry/ColumnType.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { FlatBufferWriter } from './flatbuffer-writer.ts';

// Numbers of Arrow's Schema.fbs and Message.fbs.
const METADATA_V5 = 4;
const HEADER = { schema: 1, recordBatch: 3 } as const;
const TYPE = {
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  timestamp: 10,
  interval: 11,
  list: 12,
  struct: 13,
  map: 17,
  duration: 18,
} as const;
const MICROSECOND = 2;

const INT_BITS: Readonly<Record<string, number>> = { byte: 8, short: 16, integer: 32, long: 64 };

const CONTINUATION = 0xffffffff;
export const END_OF_STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** The schema message of an Arrow stream. Instants are marked with `timeZone`, as Spark does with its session's zone. */
export function schemaMessage(columns: readonly ColumnInput[], timeZone: string): Buffer {
  const writer = new FlatBufferWriter();
  const fields = writer.offsets(columns.map((column) => field(writer, column, timeZone)));
  writer.startTable();
  writer.offsetField(1, fields);
  return message(writer, HEADER.schema, writer.endTable(), 0);
}

/** Nodes are (length, null count), buffers (offset, length) in the body, both depth first. */
export function recordBatchMessage(
  rowCount: number,
  nodes: readonly (readonly [number, number])[],
  buffers: readonly (readonly [number, number])[],
  bodyLengthBytes: number,
): Buffer {
  const writer = new FlatBufferWriter();
  const bufferVector = writer.pairs(buffers);
  const nodeVector = writer.pairs(nodes);
  writer.startTable();
  writer.int64Field(0, rowCount);
  writer.offsetField(1, nodeVector);
  writer.offsetField(2, bufferVector);
  return message(writer, HEADER.recordBatch, writer.endTable(), bodyLengthBytes);
}

function message(writer: FlatBufferWriter, kind: number, header: number, bodyLengthBytes: number): Buffer {
  writer.startTable();
  writer.int64Field(3, bodyLengthBytes);
  writer.offsetField(2, header);
  writer.int16Field(0, METADATA_V5);
  writer.int8Field(1, kind);
  const metadata = writer.finish(writer.endTable());
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(CONTINUATION, 0);
  prefix.writeInt32LE(metadata.length, 4);
  return Buffer.concat([prefix, metadata]);
}

function field(writer: FlatBufferWriter, column: ColumnInput, timeZone: string): number {
  const type = column.type ?? {};
  const children = writer.offsets(childrenOf(type).map((child) => field(writer, child, timeZone)));
  const name = writer.string(column.name ?? '');
  const [id, table] = typeTable(writer, type, timeZone);
  writer.startTable();
  writer.offsetField(0, name);
  writer.offsetField(3, table);
  writer.offsetField(5, children);
  writer.int8Field(1, column.nullable ? 1 : 0);
  writer.int8Field(2, id);
  return writer.endTable();
}

/** Arrow's children of a type: a map has one struct of key and value. */
function childrenOf(type: ColumnTypeInput): ColumnInput[] {
  const fields = type.fields ?? [];
  switch (type.kind) {
    case 'array':
      return [{ ...fields[0], name: 'element' }];
    case 'map':
      return [
        {
          name: 'entries',
          nullable: false,
          type: {
            kind: 'struct',
            fields: [
              { ...fields[0], name: 'key', nullable: false },
              { ...fields[1], name: 'value' },
            ],
          },
        },
      ];
    case 'struct':
      return fields;
    default:
      return [];
  }
}

function typeTable(writer: FlatBufferWriter, type: ColumnTypeInput, timeZone: string): [number, number] {
  const kind = type.kind ?? '';
  const table = (id: number, fill: () => void = () => undefined): [number, number] => {
    writer.startTable();
    fill();
    return [id, writer.endTable()];
  };
  const bits = INT_BITS[kind];
  if (bits !== undefined) {
    return table(TYPE.int, () => {
      writer.int32Field(0, bits);
      writer.int8Field(1, 1);
    });
  }
  switch (kind) {
    case 'null':
      return table(TYPE.null);
    case 'boolean':
      return table(TYPE.bool);
    case 'float':
      return table(TYPE.float, () => writer.int16Field(0, 1));
    case 'double':
      return table(TYPE.float, () => writer.int16Field(0, 2));
    case 'string':
      return table(TYPE.utf8);
    case 'binary':
      return table(TYPE.binary);
    case 'decimal':
      return table(TYPE.decimal, () => {
        writer.int32Field(0, type.precision ?? 0);
        writer.int32Field(1, type.scale ?? 0);
        writer.int32Field(2, 128);
      });
    case 'date':
      return table(TYPE.date, () => writer.int16Field(0, 0));
    case 'timestamp': {
      const zone = writer.string(timeZone);
      return table(TYPE.timestamp, () => {
        writer.offsetField(1, zone);
        writer.int16Field(0, MICROSECOND);
      });
    }
    case 'timestamp_ntz':
      return table(TYPE.timestamp, () => writer.int16Field(0, MICROSECOND));
    case 'day_time_interval':
      return table(TYPE.duration, () => writer.int16Field(0, MICROSECOND));
    case 'year_month_interval':
      return table(TYPE.interval, () => writer.int16Field(0, 0));
    case 'calendar_interval':
      return table(TYPE.interval, () => writer.int16Field(0, 2));
    case 'array':
      return table(TYPE.list);
    case 'struct':
      return table(TYPE.struct);
    case 'map':
      return table(TYPE.map, () => writer.int8Field(0, 0));
    default:
      throw new QuarryError('UNSUPPORTED', `a result column cannot have the type ${kind}`);
  }
}
