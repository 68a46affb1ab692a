import { aggregates } from './aggregates.ts';
import { collections } from './collections.ts';
import { conditionals } from './conditionals.ts';
import { dates } from './dates.ts';
import type { FunctionSpec } from './function-spec.ts';
import { generators } from './generators.ts';
import { json } from './json.ts';
import { lambdas } from './lambdas.ts';
import { math } from './math.ts';
import { operators } from './operators.ts';
import { partialAggregates } from './partial-aggregates.ts';
import { strings } from './strings.ts';
import { timeWindows } from './time-windows.ts';
import { windows } from './windows.ts';

const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  [
    operators,
    conditionals,
    strings,
    math,
    dates,
    collections,
    generators,
    lambdas,
    json,
    aggregates,
    windows,
    timeWindows,
    partialAggregates,
  ].flatMap((family) => [...family.table]),
);

/** The function of a lower-case name or internal key. */
export function functionSpec(key: string): FunctionSpec | undefined {
  return FUNCTIONS.get(key);
}

/** Names that users may call, for suggestions and SHOW FUNCTIONS. */
export function functionNames(): string[] {
  return [...FUNCTIONS.keys()].filter((name) => /^[a-z]/.test(name)).toSorted();
}
