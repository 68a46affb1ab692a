import type { FileSource, ResolvedFiles } from '../plan/analyzer-context.ts';

/** Turns the paths of a query into files and a schema. */
export interface FileIndex {
  /**
   * Errors: FILE_NOT_FOUND with details { errorClass: 'PATH_NOT_FOUND', path }, BAD_DATA for a file that is no Parquet,
   * INVALID_ARGUMENT for a foreign authority, UNSUPPORTED for another format.
   */
  resolve(source: FileSource): Promise<ResolvedFiles>;
}
