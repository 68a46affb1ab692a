import type {
  Expression,
  _spark_connect_Expression_SortOrder as SortOrder,
  _spark_connect_Expression_Window as Window,
  _spark_connect_Expression_Window_WindowFrame_FrameBoundary as FrameBoundary,
} from '../../../proto/gen/spark/connect/Expression.ts';
import { QuarryError } from '../../../common/quarry-error.ts';
import { unsupported } from '../errors.ts';
import { parseType } from '../types/type-parser.ts';
import {
  nameParts,
  type UnresolvedExpression,
  type UnresolvedOrder,
  type UnresolvedRelation,
  type WindowBound,
} from '../unresolved.ts';
import { decodeLiteral } from './decode-literal.ts';
import { decodeType } from './decode-type.ts';

/** Relations that sub-query expressions name by plan id. */
export type References = ReadonlyMap<number, UnresolvedRelation>;

function planIdOf(id: string | undefined): number | undefined {
  return id === undefined ? undefined : Number(id);
}

function missing(what: string): QuarryError {
  return new QuarryError(
    'INVALID_ARGUMENT',
    `the plan has an expression without its ${what}: the client is broken`,
  );
}

export class ExpressionDecoder {
  private readonly references: References;

  constructor(references: References = new Map()) {
    this.references = references;
  }

  all(expressions: readonly Expression[]): UnresolvedExpression[] {
    return expressions.map((expression) => this.one(expression));
  }

  one(expression: Expression | null | undefined): UnresolvedExpression {
    if (expression == null) throw missing('value');
    switch (expression.exprType) {
      case 'literal':
        return decodeLiteral(expression.literal!);
      case 'unresolvedAttribute': {
        const { unparsedIdentifier, planId } = expression.unresolvedAttribute!;
        return { kind: 'attribute', parts: nameParts(unparsedIdentifier), planId: planIdOf(planId) };
      }
      case 'unresolvedFunction': {
        const { functionName, arguments: args, isDistinct } = expression.unresolvedFunction!;
        return { kind: 'function', name: functionName, args: this.all(args), distinct: isDistinct };
      }
      case 'callFunction': {
        const { functionName, arguments: args } = expression.callFunction!;
        return {
          kind: 'function',
          name: nameParts(functionName).at(-1) ?? '',
          args: this.all(args),
          distinct: false,
        };
      }
      case 'expressionString':
        return { kind: 'sql-text', text: expression.expressionString!.expression };
      case 'unresolvedStar': {
        const { unparsedTarget, planId } = expression.unresolvedStar!;
        const qualifier = unparsedTarget?.replace(/\.\*$/, '');
        return {
          kind: 'star',
          qualifier: qualifier ? nameParts(qualifier) : undefined,
          planId: planIdOf(planId),
        };
      }
      case 'unresolvedRegex': {
        const { colName, planId } = expression.unresolvedRegex!;
        return { kind: 'regex', pattern: colName.replace(/^`|`$/g, ''), planId: planIdOf(planId) };
      }
      case 'alias':
        return { kind: 'alias', input: this.one(expression.alias!.expr), names: expression.alias!.name };
      case 'cast': {
        const { expr, type, typeStr, evalMode } = expression.cast!;
        return {
          kind: 'cast',
          input: this.one(expr),
          type: typeStr === undefined ? decodeType(type) : parseType(typeStr),
          try: evalMode === 'EVAL_MODE_TRY',
        };
      }
      case 'sortOrder':
        return { kind: 'order', order: this.order(expression.sortOrder!) };
      default:
        return this.rare(expression);
    }
  }

  private rare(expression: Expression): UnresolvedExpression {
    switch (expression.exprType) {
      case 'window':
        return this.window(expression.window!);
      case 'unresolvedExtractValue': {
        const { child, extraction } = expression.unresolvedExtractValue!;
        return { kind: 'extract', input: this.one(child), key: this.one(extraction) };
      }
      case 'lambdaFunction': {
        const { function: body, arguments: parameters } = expression.lambdaFunction!;
        return {
          kind: 'lambda',
          parameters: parameters.map(({ nameParts: parts }) => parts.join('.')),
          body: this.one(body),
        };
      }
      case 'unresolvedNamedLambdaVariable':
        return { kind: 'variable', name: expression.unresolvedNamedLambdaVariable!.nameParts.join('.') };
      case 'updateFields': {
        const { structExpression, fieldName, valueExpression } = expression.updateFields!;
        return {
          kind: 'update-field',
          input: this.one(structExpression),
          path: nameParts(fieldName),
          value: valueExpression === null ? undefined : this.one(valueExpression),
        };
      }
      case 'namedArgumentExpression':
        return this.one(expression.namedArgumentExpression!.value);
      case 'subqueryExpression': {
        const { planId, subqueryType, inSubqueryValues } = expression.subqueryExpression!;
        const plan = this.references.get(Number(planId));
        if (plan === undefined) throw missing('sub-query');
        const modes = {
          SUBQUERY_TYPE_SCALAR: 'scalar',
          SUBQUERY_TYPE_EXISTS: 'exists',
          SUBQUERY_TYPE_IN: 'in',
        } as const;
        const mode = modes[subqueryType as keyof typeof modes];
        if (mode === undefined) throw unsupported('A table as an argument');
        return { kind: 'subquery', mode, plan, values: this.all(inSubqueryValues) };
      }
      case 'commonInlineUserDefinedFunction':
        throw unsupported('A Python function (UDF) in a query');
      default:
        throw unsupported(`The expression ${expression.exprType ?? 'of this message'}`);
    }
  }

  order(order: SortOrder): UnresolvedOrder {
    return {
      input: this.one(order.child),
      ascending: order.direction !== 'SORT_DIRECTION_DESCENDING',
      nullsFirst:
        order.nullOrdering === 'SORT_NULLS_UNSPECIFIED'
          ? undefined
          : order.nullOrdering === 'SORT_NULLS_FIRST',
    };
  }

  private bound(boundary: FrameBoundary | null | undefined, end: 'lower' | 'upper'): WindowBound {
    if (boundary?.unbounded === true) return 'unbounded';
    if (boundary?.value != null) return this.one(boundary.value);
    if (boundary?.currentRow === true) return 'current-row';
    return end === 'lower' ? 'unbounded' : 'current-row';
  }

  private window(window: Window): UnresolvedExpression {
    const frame = window.frameSpec;
    return {
      kind: 'window',
      input: this.one(window.windowFunction),
      partitionBy: this.all(window.partitionSpec),
      orderBy: window.orderSpec.map((order) => this.order(order)),
      frame:
        frame == null
          ? undefined
          : {
              unit: frame.frameType === 'FRAME_TYPE_RANGE' ? 'range' : 'rows',
              lower: this.bound(frame.lower, 'lower'),
              upper: this.bound(frame.upper, 'upper'),
            },
    };
  }
}
