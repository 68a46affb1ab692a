import { QuarryError } from '../../../common/quarry-error.ts';
import type { Attribute, NamedExpression } from '../expression.ts';
import { aggregatesOf } from '../expression-tree.ts';
import { isLeaf, type LogicalPlan, type PlanLeaf } from '../logical-plan.ts';
import { columnName, renderExpression, renderOrder } from './render-expression.ts';

type Leaf = (leaf: PlanLeaf) => string;
type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** Plans nest as deep as a user's program makes them; the kernel's parser has its own bound behind this one. */
const DEPTH_MAX = 400;

/**
 * One DuckDB SELECT for a plan: its columns are `c<id>` in the order of `plan.output`, each of the type that
 * `duckdbType` gives. `leaf` answers what stands in FROM for a leaf, with columns of the same names.
 */
export function renderFragment(plan: LogicalPlan, leaf: Leaf): string {
  return new FragmentRenderer(leaf).select(plan, 0);
}

function columnList(output: readonly Attribute[]): string {
  return output.length === 0 ? '1 AS c_' : output.map((attribute) => columnName(attribute.id)).join(', ');
}

function projection(columns: readonly NamedExpression[]): string {
  if (columns.length === 0) return '1 AS c_';
  return columns
    .map(({ attribute, value }) => {
      const name = columnName(attribute.id);
      const sql = renderExpression(value);
      return sql === name ? name : `${sql} AS ${name}`;
    })
    .join(', ');
}

class FragmentRenderer {
  private readonly leaf: Leaf;

  constructor(leaf: Leaf) {
    this.leaf = leaf;
  }

  /** A plan as what can stand in FROM. */
  private source(plan: LogicalPlan, depth: number): string {
    return isLeaf(plan) ? this.leaf(plan) : `(${this.select(plan, depth + 1)})`;
  }

  select(plan: LogicalPlan, depth: number): string {
    if (depth > DEPTH_MAX) {
      throw new QuarryError(
        'UNSUPPORTED',
        `the plan nests more than ${DEPTH_MAX} steps deep: write an intermediate result first`,
      );
    }
    if (isLeaf(plan)) return `SELECT ${columnList(plan.output)} FROM ${this.leaf(plan)} AS t`;
    switch (plan.kind) {
      case 'project':
        return this.project(plan, depth);
      case 'filter':
        return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t WHERE ${renderExpression(plan.condition)}`;
      case 'aggregate':
        return this.aggregate(plan, depth);
      case 'join':
        return this.join(plan, depth);
      case 'sort':
        return this.sort(plan, '', depth);
      case 'limit':
        return this.limit(plan, depth);
      case 'tail':
        return this.tail(plan, depth);
      case 'distinct':
        return `SELECT DISTINCT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t`;
      case 'set-operation':
        return this.setOperation(plan, depth);
      case 'watermark':
        return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t`;
      case 'deduplicate':
        return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t QUALIFY row_number() OVER (PARTITION BY ${plan.keyIds.map(columnName).join(', ') || '1'}) = 1`;
      case 'on-time':
      case 'stateful':
        throw new Error(`${plan.kind} is a step of its own: the stage planner takes it out`);
      case 'sample':
        return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} USING SAMPLE ${(plan.upper - plan.lower) * 100} PERCENT (bernoulli, ${plan.seed})`;
    }
  }

  private project(plan: Node<'project'>, depth: number): string {
    const input = plan.input;
    const list = projection(plan.columns);
    // A project over a filter is one SELECT: shorter text, and the kernel sees one block.
    if (input.kind === 'filter') {
      return `SELECT ${list} FROM ${this.source(input.input, depth)} AS t WHERE ${renderExpression(input.condition)}`;
    }
    return `SELECT ${list} FROM ${this.source(input, depth)} AS t`;
  }

  private aggregate(plan: Node<'aggregate'>, depth: number): string {
    const input = plan.input;
    const where = input.kind === 'filter' ? ` WHERE ${renderExpression(input.condition)}` : '';
    const source = this.source(input.kind === 'filter' ? input.input : input, depth);
    const keys = plan.groupBy.filter((key) => key.kind !== 'literal').map(renderExpression);
    // Constant keys do not divide rows, but unlike no key at all they give no row for no input.
    const constantOnly = plan.groupBy.length > 0 && keys.length === 0;
    // Nothing else says that there is one row when no aggregate of it is wanted.
    const bare = !constantOnly && plan.columns.every(({ value }) => aggregatesOf(value).length === 0);
    const whole = constantOnly ? ' HAVING count(*) > 0' : bare ? ' GROUP BY ()' : '';
    const groupBy = keys.length > 0 ? ` GROUP BY ${keys.join(', ')}` : whole;
    return `SELECT ${projection(plan.columns)} FROM ${source} AS t${where}${groupBy}`;
  }

  private join(plan: Node<'join'>, depth: number): string {
    const left = `${this.source(plan.left, depth)} AS l`;
    const right = `${this.source(plan.right, depth)} AS r`;
    if (plan.type === 'cross' || (plan.type === 'inner' && plan.condition === undefined)) {
      return `SELECT ${columnList(plan.output)} FROM ${left} CROSS JOIN ${right}`;
    }
    const words = { inner: 'INNER', left: 'LEFT', right: 'RIGHT', full: 'FULL', semi: 'SEMI', anti: 'ANTI' };
    const condition = plan.condition === undefined ? 'true' : renderExpression(plan.condition);
    return `SELECT ${columnList(plan.output)} FROM ${left} ${words[plan.type]} JOIN ${right} ON ${condition}`;
  }

  private sort(plan: Node<'sort'>, tail: string, depth: number): string {
    const orders = plan.orders.map(renderOrder).join(', ');
    return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t ORDER BY ${orders}${tail}`;
  }

  private limit(plan: Node<'limit'>, depth: number): string {
    const limit = plan.limit === undefined ? '' : ` LIMIT ${plan.limit}`;
    const tail = `${limit}${plan.offset > 0 ? ` OFFSET ${plan.offset}` : ''}`;
    // ORDER BY and LIMIT in one block is what the kernel runs as a top-k heap.
    if (plan.input.kind === 'sort') return this.sort(plan.input, tail, depth);
    return `SELECT ${columnList(plan.output)} FROM ${this.source(plan.input, depth)} AS t${tail}`;
  }

  private tail(plan: Node<'tail'>, depth: number): string {
    const columns = columnList(plan.output);
    const numbered = `SELECT ${columns}, row_number() OVER () AS n_, count(*) OVER () AS m_ FROM ${this.source(plan.input, depth)} AS t`;
    return `SELECT ${columns} FROM (${numbered}) AS t WHERE n_ > m_ - ${plan.limit} ORDER BY n_`;
  }

  private setOperation(plan: Node<'set-operation'>, depth: number): string {
    const words = { union: 'UNION', intersect: 'INTERSECT', except: 'EXCEPT' };
    const operator = ` ${words[plan.operation]}${plan.all ? ' ALL' : ''} `;
    const inputs = plan.inputs.map((input) => {
      const columns = plan.output.map(
        (attribute, index) => `${columnName(input.output[index]!.id)} AS ${columnName(attribute.id)}`,
      );
      return `SELECT ${columns.join(', ') || '1 AS c_'} FROM ${this.source(input, depth)} AS t`;
    });
    return `SELECT ${columnList(plan.output)} FROM (${inputs.join(operator)}) AS t`;
  }
}
