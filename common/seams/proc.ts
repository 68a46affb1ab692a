/** The process itself. Aborting is for a state that must not be lived with, such as a failed fsync. */
export interface Proc {
  readonly pid: number;
  abort(reason: string, cause?: unknown): never;
}
