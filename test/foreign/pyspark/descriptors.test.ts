import { join } from 'node:path';
import protobuf from 'protobufjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../common/package-root.ts';
import { runPythonJson } from './python.ts';

interface FieldShape {
  readonly number: number;
  readonly type: string;
  readonly label: string;
  readonly oneof: string | null;
}
interface Shapes {
  readonly messages: Record<string, Record<string, FieldShape>>;
  readonly enums: Record<string, Record<string, number>>;
  readonly methods: Record<string, object>;
}

/** Of newer clients than the one that is compared with; each was read from the descriptors of 4.2.0. */
const NEWER = new Set(
  [
    'AnalyzeTable',
    'ChunkedCachedLocalRelation',
    'CloneSessionRequest',
    'CloneSessionResponse',
    'CompressionCodec',
    'CreateDatabase',
    'DataType.Geography',
    'DataType.Geometry',
    'DataType.Time',
    'DropDatabase',
    'DropTable',
    'DropView',
    'Expression.DirectShufflePartitionID',
    'Expression.Literal.Time',
    'GetCreateTableString',
    'GetTableProperties',
    'ListPartitions',
    'ListViews',
    'MlCommand.CleanCache',
    'MlCommand.CreateSummary',
    'MlCommand.GetCacheInfo',
    'MlCommand.GetModelSize',
    'NearestByJoin',
    'PipelineCommand',
    'Plan.CompressedOperation',
    'Plan.CompressedOperation.OpType',
    'RelationChanges',
    'ResultChunkingOptions',
    'TruncateTable',
  ].map((name) => `spark.connect.${name}`),
);
const NEWER_FIELDS = new Set(
  [
    'Catalog.analyze_table',
    'Catalog.create_database',
    'Catalog.drop_database',
    'Catalog.drop_table',
    'Catalog.drop_view',
    'Catalog.get_create_table_string',
    'Catalog.get_table_properties',
    'Catalog.list_partitions',
    'Catalog.list_views',
    'Catalog.truncate_table',
    'Command.pipeline_command',
    'DataType.geography',
    'DataType.geometry',
    'DataType.time',
    'ExecutePlanRequest.RequestOption.result_chunking_options',
    'ExecutePlanResponse.ArrowBatch.chunk_index',
    'ExecutePlanResponse.ArrowBatch.num_chunks_in_batch',
    'Expression.direct_shuffle_partition_id',
    'Expression.Literal.data_type',
    'Expression.Literal.time',
    'MlCommand.clean_cache',
    'MlCommand.create_summary',
    'MlCommand.get_cache_info',
    'MlCommand.get_model_size',
    'MlCommand.Delete.evict_only',
    'Plan.compressed_operation',
    'Read.DataSource.source_name',
    'Relation.chunked_cached_local_relation',
    'Relation.nearest_by_join',
    'Relation.relation_changes',
    'SubqueryExpression.in_subquery_values',
    'WriteOperation.with_schema_evolution',
  ].map((name) => `spark.connect.${name}`),
);
const NEWER_VALUES = new Set(['SUBQUERY_TYPE_IN', 'PARSE_FORMAT_XML']);

function ownShapes(): Shapes {
  const root = new protobuf.Root();
  const directory = join(packageRoot, 'proto/spark');
  root.resolvePath = (_, target) =>
    target.startsWith('google/') ? target : join(directory, target.replace(directory, ''));
  root.loadSync('spark/connect/base.proto', { keepCase: true }).resolveAll();
  const shapes: Shapes = { messages: {}, enums: {}, methods: {} };
  const visit = (object: protobuf.ReflectionObject): void => {
    const name = object.fullName.slice(1);
    if (object instanceof protobuf.Type) shapes.messages[name] = fieldsOf(object);
    else if (object instanceof protobuf.Enum) shapes.enums[name] = { ...object.values };
    else if (object instanceof protobuf.Service) {
      for (const method of object.methodsArray) {
        shapes.methods[method.name] = {
          request: method.resolvedRequestType!.fullName.slice(1),
          response: method.resolvedResponseType!.fullName.slice(1),
          requestStream: method.requestStream ?? false,
          responseStream: method.responseStream ?? false,
        };
      }
    }
    if (object instanceof protobuf.Namespace) for (const nested of object.nestedArray) visit(nested);
  };
  visit(root.lookup('spark.connect')!);
  return shapes;
}

function fieldsOf(type: protobuf.Type): Record<string, FieldShape> {
  return Object.fromEntries(
    type.fieldsArray.map((field) => {
      const value = field.resolvedType === null ? field.type : field.resolvedType.fullName.slice(1);
      const isOptional = field.options?.['proto3_optional'] === true;
      const label = field.map ? 'map' : field.repeated ? 'repeated' : isOptional ? 'optional' : 'single';
      return [
        field.name,
        {
          number: field.id,
          type: field instanceof protobuf.MapField ? `map<${field.keyType}, ${value}>` : value,
          label,
          oneof: isOptional ? null : (field.partOf?.name ?? null),
        },
      ];
    }),
  );
}

describe("our protocol files and the client's descriptors", () => {
  const ours = ownShapes();
  let theirs: Shapes;
  beforeAll(async () => {
    theirs = await runPythonJson<Shapes>('descriptors.py');
  });

  it('have the messages that the client has, but newer ones', () => {
    const unknown = Object.keys(ours.messages).filter(
      (name) => !(name in theirs.messages) && !NEWER.has(name),
    );
    expect(unknown).toEqual([]);
    expect(Object.keys(ours.messages).length).toBeGreaterThan(200);
  });

  it('agree on name, number, type, label and oneof of every field', () => {
    let compared = 0;
    for (const [name, fields] of Object.entries(ours.messages)) {
      const theirFields = theirs.messages[name];
      if (theirFields === undefined) continue;
      for (const [field, shape] of Object.entries(fields)) {
        if (NEWER_FIELDS.has(`${name}.${field}`)) continue;
        expect({ [`${name}.${field}`]: shape }).toEqual({ [`${name}.${field}`]: theirFields[field] });
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(550);
  });

  it('agree on every value of every enum', () => {
    for (const [name, values] of Object.entries(ours.enums)) {
      const theirValues = theirs.enums[name];
      expect(theirValues !== undefined || NEWER.has(name), name).toBe(true);
      if (theirValues === undefined) continue;
      const known = Object.entries(values).filter(([value]) => !NEWER_VALUES.has(value));
      expect({ [name]: Object.fromEntries(known) }).toEqual({ [name]: theirValues });
    }
  });

  it('agree on every method, and leave none out', () => {
    const { CloneSession: _, ...methods } = ours.methods;
    expect(methods).toEqual(theirs.methods);
  });
});
