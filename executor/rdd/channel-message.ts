import type { ConsoleLevel } from './sandbox.ts';

/** What a task's thread gets. `input` counts the inputs of a join. */
export type InputMessage =
  | { readonly kind: 'data'; readonly input: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly input: number }
  /** The receiver has dealt with one output message. */
  | { readonly kind: 'taken' }
  /** The source failed; whoever runs the task knows why. */
  | { readonly kind: 'abandon' };

/** What a task's thread sends. `lines` are records, one a line. */
export type OutputMessage =
  | { readonly kind: 'rows'; readonly lines: Uint8Array; readonly rowCount: number }
  | {
      readonly kind: 'partition';
      readonly partition: number;
      readonly lines: Uint8Array;
      readonly rowCount: number;
    }
  | { readonly kind: 'print'; readonly level: ConsoleLevel; readonly text: string }
  /** One data message has been consumed: there is room for another. */
  | { readonly kind: 'consumed' }
  /** No more input is wanted. */
  | { readonly kind: 'enough' }
  /** Nothing follows. */
  | { readonly kind: 'done' };

/** Data messages under way to a thread: enough to keep it busy, few enough to bound memory (of 256 KiB to 1 MiB each). */
export const INPUT_WINDOW = 4;

/** Output messages that may wait to be taken. */
export const OUTPUT_WINDOW = 4;
