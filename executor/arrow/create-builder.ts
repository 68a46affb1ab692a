import { QuarryError } from '../../common/quarry-error.ts';
import type { ColumnTypeInput } from '../../proto/gen/quarry/ColumnType.ts';
import type { ColumnBuilder } from './column-builder.ts';
import { ListBuilder, StructBuilder } from './nested-builders.ts';
import {
  BooleanBuilder,
  CopyBuilder,
  decimalBuilder,
  intervalBuilders,
  NullBuilder,
} from './scalar-builders.ts';
import { TextBuilder } from './text-builder.ts';

const COPIED_WIDTH: Readonly<Record<string, number>> = {
  byte: 1,
  short: 2,
  integer: 4,
  long: 8,
  float: 4,
  double: 8,
  date: 4,
  timestamp: 8,
  timestamp_ntz: 8,
};

export function createBuilder(type: ColumnTypeInput): ColumnBuilder {
  const kind = type.kind ?? '';
  const fields = type.fields ?? [];
  const width = COPIED_WIDTH[kind];
  if (width !== undefined) return new CopyBuilder(width);
  const interval = intervalBuilders[kind];
  if (interval !== undefined) return interval();
  const children = () => fields.map((field) => createBuilder(field.type ?? {}));
  switch (kind) {
    case 'null':
      return new NullBuilder();
    case 'boolean':
      return new BooleanBuilder();
    case 'decimal':
      return decimalBuilder(type.precision ?? 0);
    case 'string':
    case 'binary':
      return new TextBuilder();
    case 'array':
      return new ListBuilder(children()[0]!);
    case 'struct':
      return new StructBuilder(children());
    case 'map':
      return new ListBuilder(new StructBuilder(children()));
    default:
      throw new QuarryError('UNSUPPORTED', `a result column cannot have the type ${kind}`);
  }
}
