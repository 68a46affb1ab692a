/** Thrown by a function of a DAG that says there is nothing to do. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}
