import { QuarryError } from '../../../common/quarry-error.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { Attribute, Expression, SortOrder } from '../expression.ts';
import { some } from '../expression-tree.ts';
import { functionNames, functionSpec } from '../functions/function-table.ts';
import { coerce, type BindContext, type FunctionSpec } from '../functions/function-spec.ts';
import type { SparkType } from '../spark-type.ts';
import { parseType } from '../types/type-parser.ts';
import { BOOLEAN, INTEGER, STRING, isIntegral } from '../types/coercion.ts';
import { sqlTypeName } from '../types/simple-string.ts';
import type { UnresolvedExpression, UnresolvedOrder } from '../unresolved.ts';
import { literalName } from './display-name.ts';
import { NameRule, columnOf, fieldOf, findAttribute, quoted, unresolvedColumn } from './scope.ts';
import { updateField } from './update-field.ts';
import { both, plain, type Resolved } from './resolved.ts';
import type { TimeWindows } from './time-windows.ts';
import { resolveWindow } from './window-resolver.ts';
import { castIsPossible } from './cast-rule.ts';

export interface ResolverOptions extends BindContext {
  readonly rule: NameRule;
  /** Turns an `expr("...")` text into a tree; the parser is loaded by then. */
  readonly parseExpression: (text: string) => UnresolvedExpression;
  /** Resolves what an expression names outside its own scope: columns below a projection, columns of an outer query. */
  readonly outer?: (parts: readonly string[], planId: number | undefined) => Attribute | undefined;
  /** Aliases made before in the same select list: `a + 1 AS x, x * 2`. Columns win over them. */
  readonly lateral?: ReadonlyMap<string, Resolved>;
  /** What arguments of aggregates mean where HAVING and ORDER BY stand above an aggregate: the columns below it. */
  readonly aggregateScope?: readonly Attribute[];
  /** Makes the column that `window(time, ...)` stands for. */
  readonly timeWindows?: TimeWindows;
  /** Replaces a sub-query by an expression over columns joined to the input. */
  readonly subquery?: (
    expression: Extract<UnresolvedExpression, { kind: 'subquery' }>,
    resolver: ExpressionResolver,
  ) => Resolved;
}

type Kind<K extends UnresolvedExpression['kind']> = Extract<UnresolvedExpression, { kind: K }>;

/** Deep chains of `a + b + ...` are programs too, but the kernel's parser has a stack. */
const DEPTH_MAX = 500;

export class ExpressionResolver {
  readonly attributes: readonly Attribute[];
  readonly options: ResolverOptions;
  private readonly variables: ReadonlyMap<string, { type: SparkType; nullable: boolean }>;
  private depth = 0;

  constructor(
    attributes: readonly Attribute[],
    options: ResolverOptions,
    variables: ReadonlyMap<string, { type: SparkType; nullable: boolean }> = new Map(),
  ) {
    this.attributes = attributes;
    this.options = options;
    this.variables = variables;
  }

  /** A select list in its order: later items may name the aliases of earlier ones. */
  list(items: readonly UnresolvedExpression[]): Resolved[] {
    const lateral = new Map<string, Resolved>();
    const resolver = new ExpressionResolver(this.attributes, { ...this.options, lateral }, this.variables);
    return items.map((item) => {
      const resolved = resolver.resolve(item);
      if (item.kind === 'alias' && item.names.length === 1) {
        lateral.set(this.options.rule.key(item.names[0]!), resolved);
      }
      return resolved;
    });
  }

  /** The value alone. */
  value(expression: UnresolvedExpression): Expression {
    return this.resolve(expression).value;
  }

  condition(expression: UnresolvedExpression): Expression {
    const resolved = this.resolve(expression);
    const type = resolved.value.type;
    if (type.kind !== 'boolean' && type.kind !== 'null' && type.kind !== 'string') {
      throw analysisError(
        'DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN',
        `Cannot resolve "${resolved.text}" due to data type mismatch: Filter expression "${resolved.text}" of type "${sqlTypeName(type)}" is not a boolean.`,
      );
    }
    return coerce(resolved.value, BOOLEAN);
  }

  order(order: UnresolvedOrder): SortOrder {
    return {
      input: this.value(order.input),
      ascending: order.ascending,
      nullsFirst: order.nullsFirst ?? order.ascending,
    };
  }

  resolve(expression: UnresolvedExpression): Resolved {
    this.depth += 1;
    if (this.depth > DEPTH_MAX) {
      throw new QuarryError(
        'UNSUPPORTED',
        `an expression nests more than ${DEPTH_MAX} deep: compute a part of it in a column of its own first`,
      );
    }
    const resolved = this.dispatch(expression);
    this.depth -= 1;
    return resolved;
  }

  private dispatch(expression: UnresolvedExpression): Resolved {
    switch (expression.kind) {
      case 'attribute':
        return this.attribute(expression);
      case 'literal': {
        const { value, type } = expression;
        return plain({ kind: 'literal', value, type, nullable: value === null }, literalName(value, type));
      }
      case 'alias': {
        const resolved = this.resolve(expression.input);
        const name = expression.names[0] ?? resolved.name;
        return { value: resolved.value, text: `${resolved.text} AS ${name}`, name, names: expression.names };
      }
      case 'cast':
        return this.cast(expression);
      case 'function':
        return this.call(expression);
      case 'sql-text':
        return this.resolve(this.options.parseExpression(expression.text));
      case 'window':
        return resolveWindow(expression, this);
      case 'extract':
        return this.extract(expression);
      case 'variable':
        return this.variable(expression.name);
      case 'update-field':
        return updateField(expression, this);
      case 'subquery': {
        const answer = this.options.subquery;
        if (answer === undefined) throw unsupported('A sub-query at this place');
        return answer(expression, this);
      }
      case 'resolved': {
        const { attribute } = expression;
        return { ...plain(columnOf(attribute), attribute.name), attribute };
      }
      case 'star':
        throw unsupported('A star inside an expression');
      case 'regex':
        throw unsupported('A column pattern inside an expression');
      case 'lambda':
        throw unsupported('A lambda outside of a function that takes one');
      case 'order':
        throw unsupported('A sort order inside an expression');
    }
  }

  private attribute({ parts, planId }: Kind<'attribute'>): Resolved {
    const variable = planId === undefined ? this.variables.get(parts[0] ?? '') : undefined;
    if (variable !== undefined) return this.nested(this.variable(parts[0]!), parts.slice(1));
    const { rule } = this.options;
    const match = findAttribute(this.attributes, parts, planId, rule);
    if (match !== undefined) {
      const { attribute, nested } = match;
      const base = { ...plain(columnOf(attribute), attribute.name), attribute };
      return this.nested(base, nested);
    }
    const outer = this.options.outer?.(parts, planId);
    if (outer !== undefined) return { ...plain(columnOf(outer), outer.name), attribute: outer };
    const lateral = planId === undefined ? this.options.lateral?.get(rule.key(parts[0] ?? '')) : undefined;
    if (lateral !== undefined) {
      return this.nested({ value: lateral.value, text: lateral.name, name: lateral.name }, parts.slice(1));
    }
    const window = planId === undefined ? this.options.timeWindows?.named(parts[0] ?? '') : undefined;
    if (window !== undefined) return this.nested(window, parts.slice(1));
    if (planId !== undefined && findAttribute(this.attributes, parts, undefined, rule) !== undefined) {
      throw analysisError(
        'CANNOT_RESOLVE_DATAFRAME_COLUMN',
        `Cannot resolve dataframe column ${quoted(parts)}. It's probably because of illegal references like \`df1.select(df2.col("a"))\`.`,
      );
    }
    throw unresolvedColumn(parts, this.attributes);
  }

  private nested(base: Resolved, fields: readonly string[]): Resolved {
    if (fields.length === 0) return base;
    const value = fields.reduce((input, field) => fieldOf(input, field, this.options.rule), base.value);
    return { value, text: [base.text, ...fields].join('.'), name: fields.at(-1)! };
  }

  private variable(name: string): Resolved {
    const known = this.variables.get(name);
    if (known === undefined) throw unresolvedColumn([name], this.attributes);
    return plain({ kind: 'lambda-variable', name, ...known }, `namedlambdavariable()`);
  }

  private cast({ input, type, try: lenient }: Kind<'cast'>): Resolved {
    const resolved = this.resolve(input);
    const from = resolved.value;
    if (!castIsPossible(from.type, type)) {
      throw analysisError(
        'DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION',
        `Cannot resolve "CAST(${resolved.text} AS ${sqlTypeName(type)})" due to data type mismatch: cannot cast "${sqlTypeName(from.type)}" to "${sqlTypeName(type)}".`,
      );
    }
    const isTry = lenient || !this.options.ansi;
    const nullable = from.nullable || (isTry && from.type.kind !== type.kind);
    const text = `${lenient ? 'TRY_CAST' : 'CAST'}(${resolved.text} AS ${sqlTypeName(type)})`;
    const value: Expression = { kind: 'cast', input: from, type, nullable, try: isTry };
    return { value, text, name: resolved.attribute?.name ?? text };
  }

  private extract({ input, key }: Kind<'extract'>): Resolved {
    const base = this.resolve(input);
    const type = base.value.type;
    if (key.kind === 'literal' && typeof key.value === 'string' && type.kind !== 'map') {
      const text = `${base.text}.${key.value}`;
      return plain(fieldOf(base.value, key.value, this.options.rule), text);
    }
    const index = this.resolve(key);
    const text = `${base.text}[${index.text}]`;
    if (type.kind === 'array') {
      const args = [base.value, isIntegral(index.value.type) ? index.value : coerce(index.value, INTEGER)];
      const name = this.options.ansi ? '$array_item' : '$try_array_item';
      return plain({ kind: 'call', name, args, type: type.element, nullable: true }, text);
    }
    if (type.kind === 'map') {
      const args = [base.value, coerce(index.value, type.key)];
      return plain({ kind: 'call', name: '$map_value', args, type: type.value, nullable: true }, text);
    }
    throw analysisError(
      'INVALID_EXTRACT_BASE_FIELD_TYPE',
      `Can't extract a value from "${base.text}". Need a complex type [STRUCT, ARRAY, MAP] but got "${sqlTypeName(type)}".`,
    );
  }

  private spec(name: string): FunctionSpec {
    const spec = name.startsWith('$') ? undefined : functionSpec(name);
    if (spec !== undefined) return spec;
    const near = functionNames()
      .filter((each) => each.startsWith(name.slice(0, 3)))
      .slice(0, 3);
    throw analysisError(
      'UNRESOLVED_ROUTINE',
      `Cannot resolve routine \`${name}\` on search path [\`system\`.\`builtin\`, \`system\`.\`session\`, \`spark_catalog\`.\`default\`].${near.length > 0 ? ` Did you mean ${near.join(', ')}?` : ''}`,
    );
  }

  /** Arguments in order; a lambda is resolved when the types of those before it are known. */
  private arguments(spec: FunctionSpec, given: readonly UnresolvedExpression[]): Resolved[] {
    const resolved: Resolved[] = [];
    for (const [index, arg] of given.entries()) {
      if (arg.kind !== 'lambda') {
        resolved.push(this.resolve(arg.kind === 'star' ? ONE : arg));
        continue;
      }
      const values = resolved.map(({ value }) => value);
      const types = spec.lambda?.(values, index, arg.parameters.length);
      if (types === undefined) throw unsupported(`A lambda as an argument of \`${spec.key}\``);
      const variables = new Map(this.variables);
      for (const [position, parameter] of arg.parameters.entries()) {
        const type = types[position];
        if (type !== undefined) variables.set(parameter, type);
      }
      const body = new ExpressionResolver(this.attributes, this.options, variables).resolve(arg.body);
      const { type, nullable } = body.value;
      resolved.push(
        plain(
          { kind: 'lambda', parameters: arg.parameters, body: body.value, type, nullable },
          `lambdafunction(${[body.text, ...arg.parameters.map(() => 'namedlambdavariable()')].join(', ')})`,
        ),
      );
    }
    return resolved;
  }

  private call(call: Kind<'function'>): Resolved {
    const name = call.name.toLowerCase();
    if (name === 'struct' || name === 'named_struct') return this.struct(name, call.args);
    const castType = CAST_FUNCTIONS.has(name) && call.args.length === 1 ? parseType(name) : undefined;
    if (castType !== undefined) {
      return this.cast({ kind: 'cast', input: call.args[0]!, type: castType, try: false });
    }
    const windows = name === 'window' ? this.options.timeWindows : undefined;
    if (windows !== undefined) return windows.column(this.arguments(this.spec(name), call.args));
    const spec = this.spec(name);
    const scope = spec.kind === 'aggregate' ? this.options.aggregateScope : undefined;
    const inner = scope === undefined ? this : new ExpressionResolver(scope, this.options, this.variables);
    const args = inner.arguments(spec, call.args);
    const bound = spec.bind(
      args.map(({ value }) => value),
      this.options,
    );
    const text = this.callText(
      call,
      spec,
      args.map((arg) => arg.text),
    );
    if (spec.kind !== 'aggregate') {
      const { key, type, nullable } = bound;
      return plain({ kind: 'call', name: key, args: bound.args, type, nullable }, text);
    }
    if (args.some(({ value }) => some(value, (node) => node.kind === 'aggregate'))) {
      throw analysisError(
        'GROUP_BY_AGGREGATE',
        `It is not allowed to use an aggregate function in the argument of another aggregate function: ${text}. Use the inner one in a sub-query.`,
      );
    }
    return this.aggregate(call, bound, text);
  }

  private aggregate(call: Kind<'function'>, bound: ReturnType<FunctionSpec['bind']>, text: string): Resolved {
    const asked = call.filter === undefined ? undefined : this.resolve(call.filter);
    const filters = [asked?.value, bound.filter].filter((each) => each !== undefined);
    const filter = filters.length < 2 ? filters[0] : both(filters[0]!, filters[1]!);
    const value: Expression = {
      kind: 'aggregate',
      name: bound.key,
      args: bound.args,
      distinct: call.distinct,
      filter,
      type: bound.type,
      nullable: bound.nullable,
    };
    return plain(value, asked === undefined ? text : `${text} FILTER (WHERE ${asked.text})`);
  }

  private callText(call: Kind<'function'>, spec: FunctionSpec, texts: readonly string[]): string {
    const names = call.distinct && texts.length > 0 ? [`DISTINCT ${texts[0]}`, ...texts.slice(1)] : texts;
    return spec.display === undefined
      ? `${call.name.toLowerCase()}(${names.join(', ')})`
      : spec.display(names);
  }

  private struct(name: string, given: readonly UnresolvedExpression[]): Resolved {
    const named = name === 'named_struct';
    const values = given.filter((_, index) => !named || index % 2 === 1).map((arg) => this.resolve(arg));
    const names = named
      ? given.filter((_, index) => index % 2 === 0).map((arg) => this.resolve(arg).text)
      : values.map((value, index) =>
          value.attribute !== undefined || value.names !== undefined || value.name !== value.text
            ? value.name
            : `col${index + 1}`,
        );
    const args = values.flatMap(({ value }, index): Expression[] => [
      { kind: 'literal', value: names[index]!, type: STRING, nullable: false },
      value,
    ]);
    const fields = values.map(({ value }, index) => ({
      name: names[index]!,
      type: value.type,
      nullable: value.nullable,
    }));
    const text = named
      ? `named_struct(${values.flatMap((value, index) => [names[index], value.text]).join(', ')})`
      : `struct(${values.map((value) => value.text).join(', ')})`;
    return plain(
      { kind: 'call', name: '$struct', args, type: { kind: 'struct', fields }, nullable: false },
      text,
    );
  }
}

/** Type names that are also functions: `int('5')`. */
const CAST_FUNCTIONS: ReadonlySet<string> = new Set(
  'boolean tinyint smallint int bigint float double decimal string binary date timestamp'.split(' '),
);
const ONE: UnresolvedExpression = { kind: 'literal', value: 1, type: INTEGER };
