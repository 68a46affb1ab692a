import { QuarryError } from '../../common/quarry-error.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';

const GLOBAL_DATABASE = 'global_temp';

/** Views by name; names compare without case. A view is the plan its data frame had when it was made. */
export class ViewCatalog {
  readonly #views = new Map<string, { readonly name: string; readonly plan: LogicalPlan }>();

  get(name: string): LogicalPlan | undefined {
    return this.#views.get(name.toLowerCase())?.plan;
  }

  /** Errors: ANALYSIS (TEMP_TABLE_OR_VIEW_ALREADY_EXISTS) when the name is taken and `replace` is false. */
  put(name: string, plan: LogicalPlan, replace: boolean): void {
    const key = name.toLowerCase();
    if (!replace && this.#views.has(key)) {
      throw new QuarryError(
        'ANALYSIS',
        `[TEMP_TABLE_OR_VIEW_ALREADY_EXISTS] Cannot create the temporary view \`${name}\` because it already exists. ` +
          'Choose a different name, drop or replace the existing view, or add the IF NOT EXISTS clause to tolerate pre-existing views. SQLSTATE: 42P07',
        {
          details: {
            errorClass: 'TEMP_TABLE_OR_VIEW_ALREADY_EXISTS',
            sqlState: '42P07',
            relationName: `\`${name}\``,
          },
        },
      );
    }
    this.#views.set(key, { name, plan });
  }

  drop(name: string): boolean {
    return this.#views.delete(name.toLowerCase());
  }

  names(): string[] {
    return [...this.#views.values()].map(({ name }) => name).toSorted();
  }

  copyTo(other: ViewCatalog): void {
    for (const { name, plan } of this.#views.values()) other.put(name, plan, true);
  }
}

/** The views that a session sees: its own, and those of `global_temp`, which all sessions share. */
export class SessionViews {
  readonly temporary = new ViewCatalog();
  readonly #global: ViewCatalog;

  constructor(global: ViewCatalog) {
    this.#global = global;
  }

  get global(): ViewCatalog {
    return this.#global;
  }

  /** `v`, `global_temp.v`, with or without back-ticks. */
  find(name: string): LogicalPlan | undefined {
    const { view, isGlobal } = parseViewName(name);
    return (isGlobal ? this.#global : this.temporary).get(view);
  }

  drop(name: string): boolean {
    const { view, isGlobal } = parseViewName(name);
    return (isGlobal ? this.#global : this.temporary).drop(view);
  }
}

function parseViewName(name: string): { view: string; isGlobal: boolean } {
  const parts = (name.match(/`(?:[^`]|``)*`|[^.`]+/g) ?? []).map((part) =>
    part.startsWith('`') ? part.slice(1, -1).replaceAll('``', '`') : part,
  );
  const isGlobal = parts.length === 2 && parts[0]!.toLowerCase() === GLOBAL_DATABASE;
  return { view: isGlobal ? parts[1]! : parts.join('.'), isGlobal };
}
