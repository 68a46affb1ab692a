import type { FileSystem } from '../../client/fs/file-system.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import type { RddFileResult } from '../../common/rdd/rdd-task.ts';

export interface SaveTarget {
  readonly path: string;
  readonly overwrite: boolean;
}

/** A save's life at its target: tasks write under `_temporary/JOB`, then all files appear in one step, or none does. */
export class SaveCommit {
  readonly #fileSystem: FileSystem;
  readonly #target: SaveTarget;
  readonly #isNew: boolean;
  readonly temporaryDirectory: string;

  private constructor(fileSystem: FileSystem, target: SaveTarget, jobId: string, isNew: boolean) {
    this.#fileSystem = fileSystem;
    this.#target = target;
    this.#isNew = isNew;
    this.temporaryDirectory = `${target.path}/_temporary/${jobId}`;
  }

  /** Errors: FILE_EXISTS without `overwrite`, INVALID_PATH. */
  static async open(fileSystem: FileSystem, target: SaveTarget, jobId: string): Promise<SaveCommit> {
    const path = target.path.replace(/\/+$/, '');
    const exists = await fileSystem.exists(path);
    if (exists && !target.overwrite) {
      throw new QuarryError(
        'FILE_EXISTS',
        `${path} exists: save to another directory, or pass { overwrite: true }`,
        { details: { path } },
      );
    }
    return new SaveCommit(fileSystem, { ...target, path }, jobId, !exists);
  }

  async publish(files: readonly RddFileResult[]): Promise<void> {
    const { path } = this.#target;
    const moves = files.map((file, partition) => ({
      source: file.path,
      target: `${path}/part-${String(partition).padStart(5, '0')}`,
    }));
    const detach = this.#isNew ? [] : await this.#earlierContent();
    await this.#fileSystem.publish({ detach, moves, cleanup: this.temporaryDirectory });
    await this.#removeEmpty(`${path}/_temporary`);
  }

  /** Leaves nothing behind. */
  async abort(): Promise<void> {
    const { path } = this.#target;
    await this.#fileSystem.delete(this.temporaryDirectory, { recursive: true });
    await this.#removeEmpty(`${path}/_temporary`);
    if (this.#isNew) await this.#removeEmpty(path);
  }

  async #earlierContent(): Promise<string[]> {
    const { path } = this.#target;
    if (!(await this.#fileSystem.stat(path)).directory) return [path];
    const entries: string[] = [];
    for await (const entry of this.#fileSystem.list(path)) {
      if (!entry.path.endsWith('/_temporary')) entries.push(entry.path);
    }
    return entries;
  }

  /** Another save to the same place may still be at work there. */
  async #removeEmpty(directory: string): Promise<void> {
    try {
      await this.#fileSystem.delete(directory);
    } catch (thrown) {
      if (!hasCode(thrown, 'DIRECTORY_NOT_EMPTY')) throw thrown;
    }
  }
}
