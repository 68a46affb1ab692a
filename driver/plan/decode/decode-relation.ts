import type { Aggregate } from '../../../proto/gen/spark/connect/Aggregate.ts';
import type { Join } from '../../../proto/gen/spark/connect/Join.ts';
import type { Read } from '../../../proto/gen/spark/connect/Read.ts';
import type { Relation } from '../../../proto/gen/spark/connect/Relation.ts';
import type { SetOperation } from '../../../proto/gen/spark/connect/SetOperation.ts';
import type { SQL } from '../../../proto/gen/spark/connect/SQL.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import { unsupported } from '../errors.ts';
import type { JoinType } from '../logical-plan.ts';
import { simpleString } from '../types/simple-string.ts';
import {
  nameParts,
  type GroupType,
  type SqlParameters,
  type UnresolvedNode,
  type UnresolvedRelation,
} from '../unresolved.ts';
import { ExpressionDecoder, type References } from './decode-expression.ts';
import { decodeLiteral } from './decode-literal.ts';
import { decodeType } from './decode-type.ts';

/** Beyond this a plan is a runaway loop, and recursion would end the process. */
const DEPTH_MAX = 1_000;

const JOIN_TYPES: Readonly<Record<string, JoinType>> = {
  JOIN_TYPE_INNER: 'inner',
  JOIN_TYPE_FULL_OUTER: 'full',
  JOIN_TYPE_LEFT_OUTER: 'left',
  JOIN_TYPE_RIGHT_OUTER: 'right',
  JOIN_TYPE_LEFT_ANTI: 'anti',
  JOIN_TYPE_LEFT_SEMI: 'semi',
  JOIN_TYPE_CROSS: 'cross',
};

const GROUP_TYPES: Readonly<Record<string, GroupType>> = {
  GROUP_TYPE_GROUPBY: 'group-by',
  GROUP_TYPE_ROLLUP: 'rollup',
  GROUP_TYPE_CUBE: 'cube',
  GROUP_TYPE_PIVOT: 'pivot',
  GROUP_TYPE_GROUPING_SETS: 'grouping-sets',
};

/** A Spark Connect relation in the analyzer's own form. Throws UNSUPPORTED for kinds that Quarry has not. */
export function decodeRelation(relation: Relation): UnresolvedRelation {
  return new RelationDecoder(new Map()).one(relation);
}

/** The parameters of a SQL text; older clients send literals, newer ones expressions. */
export function decodeSqlParameters(sql: SQL): SqlParameters {
  const decoder = new ExpressionDecoder();
  const named = [
    ...Object.entries(sql.args).map(([name, value]) => [name, decodeLiteral(value)] as const),
    ...Object.entries(sql.namedArguments).map(([name, value]) => [name, decoder.one(value)] as const),
  ];
  return {
    named: Object.fromEntries(named),
    positional: [...sql.posArgs.map(decodeLiteral), ...decoder.all(sql.posArguments)],
  };
}

class RelationDecoder {
  private readonly references: References;
  private readonly expressions: ExpressionDecoder;
  private depth = 0;

  constructor(references: References) {
    this.references = references;
    this.expressions = new ExpressionDecoder(references);
  }

  one(message: Relation | null | undefined): UnresolvedRelation {
    if (message == null)
      throw new QuarryError('INVALID_ARGUMENT', 'the plan has a relation without its input');
    this.depth += 1;
    if (this.depth > DEPTH_MAX) {
      throw new QuarryError(
        'UNSUPPORTED',
        `the plan nests more than ${DEPTH_MAX} relations: write an intermediate result first`,
      );
    }
    const planId = message.common?.planId;
    const node = this.common(message);
    this.depth -= 1;
    return {
      ...node,
      planId: planId === undefined ? ('planId' in node ? node.planId : undefined) : Number(planId),
    };
  }

  private common(message: Relation): UnresolvedNode & { planId?: number | undefined } {
    const { expressions } = this;
    switch (message.relType) {
      case 'read':
        return read(message.read!);
      case 'project': {
        const { input, expressions: columns } = message.project!;
        const source = input == null ? ({ kind: 'one-row', planId: undefined } as const) : this.one(input);
        return { kind: 'project', input: source, columns: expressions.all(columns) };
      }
      case 'filter': {
        const { input, condition } = message.filter!;
        return { kind: 'filter', input: this.one(input), condition: expressions.one(condition) };
      }
      case 'join':
        return this.join(message.join!);
      case 'setOp':
        return this.setOperation(message.setOp!);
      case 'sort': {
        const { input, order, isGlobal } = message.sort!;
        const orders = order.map((each) => expressions.order(each));
        return { kind: 'sort', input: this.one(input), orders, global: isGlobal ?? true };
      }
      case 'limit':
        return { kind: 'limit', input: this.one(message.limit!.input), limit: message.limit!.limit };
      case 'aggregate':
        return this.aggregate(message.aggregate!);
      case 'sql':
        return { kind: 'sql', text: message.sql!.query, parameters: decodeSqlParameters(message.sql!) };
      case 'localRelation': {
        const { data, schema } = message.localRelation!;
        return { kind: 'local', arrowIpc: data ?? undefined, schema };
      }
      case 'offset':
        return { kind: 'offset', input: this.one(message.offset!.input), offset: message.offset!.offset };
      case 'range': {
        const { start, end, step, numPartitions } = message.range!;
        const [first, last, by] = [BigInt(start ?? 0), BigInt(end), BigInt(step)];
        return { kind: 'range', start: first, end: last, step: by, partitions: numPartitions };
      }
      case 'withColumns': {
        const { input, aliases } = message.withColumns!;
        const columns = aliases.map((alias) => ({
          name: alias.name[0] ?? '',
          value: expressions.one(alias.expr),
        }));
        return { kind: 'with-columns', input: this.one(input), columns };
      }
      case 'subqueryAlias': {
        const { input, alias } = message.subqueryAlias!;
        return { kind: 'subquery-alias', input: this.one(input), alias, columns: [] };
      }
      default:
        return this.reshaping(message);
    }
  }

  private reshaping(message: Relation): UnresolvedNode & { planId?: number | undefined } {
    const { expressions } = this;
    switch (message.relType) {
      case 'sample': {
        const { input, lowerBound, upperBound, withReplacement, seed } = message.sample!;
        return {
          kind: 'sample',
          input: this.one(input),
          lower: lowerBound,
          upper: upperBound,
          seed: Number(BigInt.asUintN(31, BigInt(seed ?? 0))),
          replacement: withReplacement ?? false,
        };
      }
      case 'deduplicate': {
        const { input, columnNames, withinWatermark } = message.deduplicate!;
        return {
          kind: 'deduplicate',
          input: this.one(input),
          columns: columnNames,
          withinWatermark: withinWatermark ?? false,
        };
      }
      case 'repartition':
        return { kind: 'same', input: this.one(message.repartition!.input) };
      case 'repartitionByExpression':
        return { kind: 'same', input: this.one(message.repartitionByExpression!.input) };
      case 'hint':
        return { kind: 'same', input: this.one(message.hint!.input) };
      case 'toDf':
        return { kind: 'to-df', input: this.one(message.toDf!.input), names: message.toDf!.columnNames };
      case 'withColumnsRenamed': {
        const { input, renameColumnsMap, renames } = message.withColumnsRenamed!;
        const pairs = [
          ...renames.map(({ colName, newColName }) => [colName, newColName] as const),
          ...Object.entries(renameColumnsMap),
        ];
        return { kind: 'rename-columns', input: this.one(input), renames: pairs };
      }
      case 'drop': {
        const { input, columns, columnNames } = message.drop!;
        return {
          kind: 'drop',
          input: this.one(input),
          columns: expressions.all(columns),
          names: columnNames,
        };
      }
      case 'tail':
        return { kind: 'tail', input: this.one(message.tail!.input), limit: message.tail!.limit };
      case 'unpivot': {
        const { input, ids, values, variableColumnName, valueColumnName } = message.unpivot!;
        return {
          kind: 'unpivot',
          input: this.one(input),
          ids: expressions.all(ids),
          values: values == null ? undefined : expressions.all(values.values),
          variableName: variableColumnName,
          valueName: valueColumnName,
        };
      }
      case 'toSchema': {
        const schema = decodeType(message.toSchema!.schema);
        if (schema.kind !== 'struct') throw unsupported(`A table schema of type ${simpleString(schema)}`);
        return { kind: 'to-schema', input: this.one(message.toSchema!.input), schema };
      }
      case 'cachedLocalRelation':
        return { kind: 'cached-local', hash: message.cachedLocalRelation!.hash };
      case 'cachedRemoteRelation':
        return { kind: 'cached-remote', id: message.cachedRemoteRelation!.relationId };
      case 'withWatermark': {
        const { input, eventTime, delayThreshold } = message.withWatermark!;
        return { kind: 'watermark', input: this.one(input), column: eventTime, delay: delayThreshold };
      }
      case 'chunkedCachedLocalRelation': {
        const { dataHashes, schemaHash } = message.chunkedCachedLocalRelation!;
        return { kind: 'chunked-local', dataHashes, schemaHash: schemaHash ?? '' };
      }
      default:
        return this.statistics(message);
    }
  }

  private statistics(message: Relation): UnresolvedNode & { planId?: number | undefined } {
    switch (message.relType) {
      case 'fillNa': {
        const { input, cols, values } = message.fillNa!;
        return { kind: 'fill-na', input: this.one(input), columns: cols, values: values.map(decodeLiteral) };
      }
      case 'dropNa': {
        const { input, cols, minNonNulls } = message.dropNa!;
        return { kind: 'drop-na', input: this.one(input), columns: cols, minimum: minNonNulls };
      }
      case 'replace': {
        const { input, cols, replacements } = message.replace!;
        const pairs = replacements.map(
          ({ oldValue, newValue }) => [decodeLiteral(oldValue!), decodeLiteral(newValue!)] as const,
        );
        return { kind: 'replace', input: this.one(input), columns: cols, pairs };
      }
      case 'describe':
        return {
          kind: 'describe',
          input: this.one(message.describe!.input),
          columns: message.describe!.cols,
          statistics: ['count', 'mean', 'stddev', 'min', 'max'],
        };
      case 'summary': {
        const { input, statistics } = message.summary!;
        return { kind: 'describe', input: this.one(input), columns: [], statistics };
      }
      case 'withRelations': {
        const { root, references } = message.withRelations!;
        const known = new Map(this.references);
        const tables: { name: string; plan: UnresolvedRelation }[] = [];
        for (const reference of references) {
          const plan = new RelationDecoder(known).one(reference);
          if (plan.planId !== undefined) known.set(plan.planId, plan);
          if (plan.kind === 'subquery-alias') tables.push({ name: plan.alias, plan: plan.input });
        }
        return { kind: 'with', input: new RelationDecoder(known).one(root), tables };
      }
      case 'unresolvedTableValuedFunction': {
        const { functionName, arguments: args } = message.unresolvedTableValuedFunction!;
        return {
          kind: 'project',
          input: { kind: 'one-row', planId: undefined },
          columns: [
            { kind: 'function', name: functionName, args: this.expressions.all(args), distinct: false },
          ],
        };
      }
      case 'showString':
      case 'htmlString':
        throw new QuarryError('INVALID_ARGUMENT', 'show() is an action: it cannot stand inside a plan');
      default:
        throw unsupported(`The relation ${message.relType ?? 'of this message'}`);
    }
  }

  private join(join: Join): UnresolvedNode {
    return {
      kind: 'join',
      left: this.one(join.left),
      right: this.one(join.right),
      type: JOIN_TYPES[join.joinType] ?? 'inner',
      condition: join.joinCondition == null ? undefined : this.expressions.one(join.joinCondition),
      using: join.usingColumns,
    };
  }

  private setOperation(set: SetOperation): UnresolvedNode {
    const operations = {
      SET_OP_TYPE_INTERSECT: 'intersect',
      SET_OP_TYPE_UNION: 'union',
      SET_OP_TYPE_EXCEPT: 'except',
    } as const;
    const operation = operations[set.setOpType as keyof typeof operations];
    if (operation === undefined) throw unsupported('This set operation');
    return {
      kind: 'set-operation',
      left: this.one(set.leftInput),
      right: this.one(set.rightInput),
      operation,
      all: set.isAll ?? false,
      byName: set.byName ?? false,
      allowMissing: set.allowMissingColumns ?? false,
    };
  }

  private aggregate(aggregate: Aggregate): UnresolvedNode {
    const group = GROUP_TYPES[aggregate.groupType];
    if (group === undefined) throw unsupported('This kind of grouping');
    const { pivot } = aggregate;
    return {
      kind: 'aggregate',
      input: this.one(aggregate.input),
      group,
      groupBy: this.expressions.all(aggregate.groupingExpressions),
      columns: this.expressions.all(aggregate.aggregateExpressions),
      prependGroups: true,
      groupingSets: aggregate.groupingSets.map(({ groupingSet }) => this.expressions.all(groupingSet)),
      pivot:
        pivot == null
          ? undefined
          : { column: this.expressions.one(pivot.col), values: pivot.values.map(decodeLiteral) },
    };
  }
}

function read(message: Read): UnresolvedNode {
  const streaming = message.isStreaming;
  if (message.namedTable != null) {
    return { kind: 'table', name: nameParts(message.namedTable.unparsedIdentifier), streaming };
  }
  const source = message.dataSource;
  if (source == null) throw new QuarryError('INVALID_ARGUMENT', 'the read names neither a table nor files');
  const fromOption = source.options['path'];
  return {
    kind: 'read',
    format: (source.format || 'parquet').toLowerCase(),
    paths: source.paths.length > 0 || fromOption === undefined ? source.paths : [fromOption],
    options: source.options,
    schema: source.schema || undefined,
    ...(source.predicates.length === 0 ? {} : { predicates: source.predicates }),
    streaming,
  };
}
