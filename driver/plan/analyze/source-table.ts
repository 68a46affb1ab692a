import type { ResolvedFiles } from '../analyzer-context.ts';
import type { LiteralValue } from '../expression.ts';
import type { LogicalPlan } from '../logical-plan.ts';
import type { StructType } from '../spark-type.ts';
import type { PlanBuilder } from './plan-builder.ts';
import type { NameRule } from './scope.ts';

/** Rows that a client sent, decoded. */
export interface LocalRows {
  readonly schema: StructType;
  readonly rows: readonly (readonly LiteralValue[])[];
}

/** A scan of resolved files. A schema of the user's own wins: files are read by its names and cast to its types. */
export function makeScan(
  builder: PlanBuilder,
  resolved: ResolvedFiles,
  asked: StructType | undefined,
  rule: NameRule,
): LogicalPlan {
  const partitionNames = new Set(resolved.partitionColumns.map((field) => rule.key(field.name)));
  const fields = (asked ?? resolved.schema).fields.filter(
    (field) => !partitionNames.has(rule.key(field.name)),
  );
  const stored = fields.map((field) => builder.attribute(field.name, field.type, true));
  const partitions = resolved.partitionColumns.map((field) => {
    const type = asked?.fields.find((each) => rule.same(each.name, field.name))?.type ?? field.type;
    return builder.attribute(field.name, type, true);
  });
  return {
    kind: 'scan',
    output: [...stored, ...partitions],
    format: 'parquet',
    files: resolved.files,
    partitionColumnCount: partitions.length,
    fileSchema: resolved.schema,
    // Later steps may rename what the plan shows; inside the files a column keeps this name.
    fileColumns: new Map(stored.map((attribute) => [attribute.id, attribute.name])),
  };
}

export function makeLocal(builder: PlanBuilder, local: LocalRows): LogicalPlan {
  return {
    kind: 'local',
    output: local.schema.fields.map((field) => builder.attribute(field.name, field.type, field.nullable)),
    rows: local.rows,
    arrowIpc: undefined,
  };
}
