import type { LogicalPlan } from './logical-plan.ts';

/** A SQL text that is no query: the session carries it out. Queries inside are analysed already. */
export type SqlStatement =
  | {
      readonly kind: 'create-view';
      readonly name: string;
      readonly global: boolean;
      readonly replace: boolean;
      readonly plan: LogicalPlan;
    }
  | { readonly kind: 'drop-view'; readonly name: string; readonly ifExists: boolean }
  /** Without a value the statement asks for the key's; without a key, for all. */
  | { readonly kind: 'set'; readonly key: string | undefined; readonly value: string | undefined }
  /** RESET: one key, or all without one. */
  | { readonly kind: 'reset'; readonly key: string | undefined }
  | { readonly kind: 'show-tables'; readonly pattern: string | undefined }
  /** Rows of (col_name, data_type, comment), for `plan`'s columns. */
  | { readonly kind: 'describe'; readonly plan: LogicalPlan }
  | { readonly kind: 'explain'; readonly extended: boolean; readonly plan: LogicalPlan };
