import { assert } from '../../common/assert.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { type EventTime, isStreaming } from '../plan/event-time.ts';
import type { Attribute, Expression, NamedExpression } from '../plan/expression.ts';
import type { LogicalPlan, StatefulOperator } from '../plan/logical-plan.ts';
import { inputsOf, withInputs } from '../plan/plan-tree.ts';
import { splitAggregate } from '../plan/split-aggregate.ts';
import type { SparkType } from '../plan/spark-type.ts';
import { BOOLEAN, INTEGER, STRING, TIMESTAMP } from '../plan/types/coercion.ts';
import { type CompiledQuery, dedupEventTime, groupEventTime, type SourceLeaf } from './compile-query.ts';

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** What a batch knows when its plan is made. Watermarks are in microseconds. */
export interface BatchFacts {
  /** What the state before the batch was cleared by. */
  readonly clearedUs: number | undefined;
  /** What the batch clears, and emits, by: where the watermark was when the batch before had ended. */
  readonly watermarkUs: number | undefined;
  /** The batch's part of a source, with the leaf's own columns. */
  leaf(source: SourceLeaf): LogicalPlan;
}

/** No session's ids and none of the stage planner's come near. */
const FIRST_ID = 1_500_000_000;

/** The compiled plan over one batch: sources become its parts, watermarks and stateful operators the steps that stages run. */
export function bindBatch(query: CompiledQuery, facts: BatchFacts): LogicalPlan {
  return new Binder(query, facts).bind(query.plan);
}

class Binder {
  readonly #query: CompiledQuery;
  readonly #facts: BatchFacts;
  #nextId = FIRST_ID;
  #watermarks = 0;
  #operators = 0;

  constructor(query: CompiledQuery, facts: BatchFacts) {
    this.#query = query;
    this.#facts = facts;
  }

  bind(plan: LogicalPlan): LogicalPlan {
    if (plan.kind === 'stream-source') return this.#facts.leaf(plan);
    if (!isStreaming(plan)) return plan;
    // Bottom up, as the query was compiled: numbers are given in that order.
    const bound = withInputs(
      plan,
      inputsOf(plan).map((input) => this.bind(input)),
    );
    switch (bound.kind) {
      case 'watermark': {
        const { output, input, columnId, delayMs } = bound;
        // A complete result keeps everything, and without state nothing depends on a row being on time.
        const drop = this.#query.mode !== 'complete' && this.#query.operators.length > 0;
        return { kind: 'on-time', output, input, columnId, delayMs, watermark: this.#watermarks++, drop };
      }
      case 'aggregate':
        return this.#aggregate(plan as Node<'aggregate'>, bound);
      case 'deduplicate':
        return this.#deduplicate(plan as Node<'deduplicate'>, bound);
      default:
        return bound;
    }
  }

  #aggregate(plan: Node<'aggregate'>, bound: Node<'aggregate'>): LogicalPlan {
    const { mode } = this.#query;
    const split = splitAggregate(bound, () => this.#nextId++, { kept: true });
    const combine = split?.combine;
    assert(split !== undefined && combine !== undefined, 'the query was compiled');
    const stored = split.partial.output;
    const group = groupEventTime(plan);
    const closing = group && { column: stored[group.index]!, time: group.time };
    const closed = (us: number | undefined) =>
      closing === undefined || us === undefined || mode === 'complete'
        ? undefined
        : closedBy(columnOf(closing.column), closing.time, us, 0);
    const mark = attribute(this.#nextId++, 'fresh', INTEGER);
    const marked = (rows: LogicalPlan, value: number): LogicalPlan => ({
      kind: 'project',
      output: [...stored, mark],
      input: rows,
      columns: [...stored.map(passing), { attribute: mark, value: literal(value, INTEGER) }],
    });
    const highestMark: NamedExpression = {
      attribute: mark,
      value: {
        kind: 'aggregate',
        name: 'max',
        args: [columnOf(mark)],
        distinct: false,
        filter: undefined,
        type: INTEGER,
        nullable: true,
      },
    };
    const operator: StatefulOperator = {
      number: this.#operators++,
      name: 'aggregate',
      keys: stored.slice(0, bound.groupBy.length).map(partitionKey),
      stored,
      before: (input) => withInputs(split.partial, [input]),
      fresh: (input) => combine(input),
      delta: (fresh) => fresh,
      merged: (fresh, state) => {
        const union: LogicalPlan = {
          kind: 'set-operation',
          output: [...stored, mark],
          // What was there before comes first: lists are joined in this order.
          inputs: [marked(without(state, closed(this.#facts.clearedUs)), 0), marked(fresh, 1)],
          operation: 'union',
          all: true,
        };
        return combine(union, [highestMark], columnOf(mark));
      },
      result: (_fresh, merged) => {
        const isClosed = closed(this.#facts.watermarkUs);
        if (mode === 'complete') return split.final(merged);
        if (mode === 'append') return split.final(only(merged, isClosed ?? literal(false, BOOLEAN)));
        return split.final(only(merged, equals(columnOf(mark), literal(1, INTEGER))));
      },
      kept: (merged) => ({
        kind: 'project',
        output: stored,
        input: without(merged, closed(this.#facts.watermarkUs)),
        columns: stored.map(passing),
      }),
    };
    return { kind: 'stateful', output: bound.output, input: bound.input, operator };
  }

  #deduplicate(plan: Node<'deduplicate'>, bound: Node<'deduplicate'>): LogicalPlan {
    const found = dedupEventTime(plan);
    const kept = bound.input.output.filter(
      ({ id }) => bound.keyIds.includes(id) || (bound.withinWatermark && id === found?.attribute.id),
    );
    const stored = kept.map((each) => ({ ...each, id: this.#nextId++ }));
    const delay = bound.withinWatermark ? (found?.time.watermark.delayMs ?? 0) * 1_000 : 0;
    const timeColumn = found && stored[kept.findIndex(({ id }) => id === found.attribute.id)];
    const expired = (us: number | undefined) =>
      found === undefined || timeColumn === undefined || us === undefined
        ? undefined
        : closedBy(columnOf(timeColumn), found.time, us, delay);
    const keys = kept.filter(({ id }) => bound.keyIds.includes(id));
    const delta = (fresh: LogicalPlan): LogicalPlan => ({
      kind: 'project',
      output: stored,
      input: fresh,
      columns: stored.map((each, index) => ({ attribute: each, value: columnOf(kept[index]!) })),
    });
    const operator: StatefulOperator = {
      number: this.#operators++,
      name: 'dropDuplicates',
      keys: keys.map(partitionKey),
      stored,
      before: (input) => ({ ...bound, input, output: input.output }),
      fresh: (input, state) => ({
        kind: 'join',
        output: input.output,
        left: { ...bound, input, output: input.output },
        right: without(state, expired(this.#facts.clearedUs)),
        type: 'anti',
        condition: keys
          .map((key): Expression => same(columnOf(key), columnOf(stored[kept.indexOf(key)]!)))
          .reduce((left, right) => call('and', [left, right], BOOLEAN)),
      }),
      delta,
      merged: (fresh, state) => ({
        kind: 'set-operation',
        output: stored,
        inputs: [delta(fresh), without(state, expired(this.#facts.clearedUs))],
        operation: 'union',
        all: true,
      }),
      result: (fresh) => fresh,
      kept: (merged) => without(merged, expired(this.#facts.watermarkUs)),
    };
    if (keys.length === 0) throw new QuarryError('ANALYSIS', 'dropDuplicates needs at least one column');
    return { kind: 'stateful', output: bound.output, input: bound.input, operator };
  }
}

/**
 * Whether no row that is on time can still come for a value of event time. A window has no row at its end, so it is closed when
 * the watermark is there; a time itself only once the watermark is past it.
 */
function closedBy(value: Expression, time: EventTime, watermarkUs: number, delayUs: number): Expression {
  switch (time.of) {
    case 'window':
      return compared(field(value, 'end', TIMESTAMP), '<=', watermarkUs);
    case 'window-end':
      return compared(value, '<=', watermarkUs);
    case 'window-start':
      return compared(value, '<=', watermarkUs - time.durationUs);
    case 'time':
      return compared(value, '<', watermarkUs - delayUs);
  }
}

function compared(value: Expression, operator: '<' | '<=', us: number): Expression {
  return call(operator, [value, literal(BigInt(Math.trunc(us)), value.type)], BOOLEAN);
}

function field(struct: Expression, name: string, fallback: SparkType): Expression {
  const type =
    struct.type.kind === 'struct'
      ? (struct.type.fields.find((each) => each.name === name)?.type ?? fallback)
      : fallback;
  return call('$field', [struct, literal(name, STRING)], type);
}

/** A window's start stands for it: a struct's text would depend on the session's time zone. */
function partitionKey(key: Attribute): Expression {
  const column = columnOf(key);
  if (key.type.kind !== 'struct') return column;
  const [first, second] = key.type.fields;
  return first?.name === 'start' && second?.name === 'end' ? field(column, 'start', first.type) : column;
}

function only(input: LogicalPlan, condition: Expression): LogicalPlan {
  return { kind: 'filter', output: input.output, input, condition };
}

/** Without the rows that `closed` is true of: where it is unknown they stay. */
function without(input: LogicalPlan, closed: Expression | undefined): LogicalPlan {
  if (closed === undefined) return input;
  return only(input, {
    kind: 'case',
    branches: [{ when: closed, result: literal(false, BOOLEAN) }],
    otherwise: literal(true, BOOLEAN),
    type: BOOLEAN,
    nullable: false,
  });
}

function attribute(id: number, name: string, type: SparkType): Attribute {
  return { id, name, type, nullable: true, planIds: [], qualifiers: [] };
}

function columnOf({ id, type, nullable }: Attribute): Expression {
  return { kind: 'column', id, type, nullable };
}

function passing(each: Attribute): NamedExpression {
  return { attribute: each, value: columnOf(each) };
}

function literal(value: boolean | number | bigint | string, type: SparkType): Expression {
  return { kind: 'literal', value, type, nullable: false };
}

function call(name: string, args: readonly Expression[], type: SparkType): Expression {
  return { kind: 'call', name, args, type, nullable: true };
}

function equals(left: Expression, right: Expression): Expression {
  return call('==', [left, right], BOOLEAN);
}

function same(left: Expression, right: Expression): Expression {
  return call('<=>', [left, right], BOOLEAN);
}
