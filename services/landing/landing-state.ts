import type { FileSystem } from '../../client/fs/file-system.ts';
import { hasCode } from '../../common/quarry-error.ts';

/** How far a partition is landed. Lives in one file a partition, whose name tells the next offset. */
export interface LandedTo {
  readonly partition: number;
  readonly nextOffset: number;
  /** The highest event time below `nextOffset`; null before the first. */
  readonly highestMs: number | null;
  readonly rows: number;
  readonly lateRows: number;
  readonly malformedRows: number;
}

/** Hidden from readers of the directory, as everything with a leading underscore. */
const STATE_FOLDER = '_landing';

/**
 * The committed positions of a landing directory. A flush moves the file of the position that it starts from away and its own
 * into place, in the same namenode command that publishes the data: of two landings that start from one position, one finds
 * nothing to move and has published nothing.
 */
export class LandingState {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #topic: string;

  constructor(fs: FileSystem, directory: string, topic: string) {
    this.#fs = fs;
    this.#folder = `${directory}/${STATE_FOLDER}`;
    this.#topic = topic;
  }

  path({ partition, nextOffset }: Pick<LandedTo, 'partition' | 'nextOffset'>): string {
    return `${this.#folder}/${this.#topic}+${partition}+${String(nextOffset).padStart(12, '0')}`;
  }

  /** The partition's position; `start` becomes it when there is none. `temporary` is a directory of the caller's own. */
  async load(start: Pick<LandedTo, 'partition' | 'nextOffset'>, temporary: string): Promise<LandedTo> {
    const found = await this.#find(start.partition);
    if (found !== undefined) return found;
    const first: LandedTo = { ...start, highestMs: null, rows: 0, lateRows: 0, malformedRows: 0 };
    // Written aside: a file under its final name is whole.
    const aside = `${temporary}/first`;
    await this.#fs.writeFile(aside, JSON.stringify(first));
    try {
      const moves = [{ source: aside, target: this.path(first) }];
      await this.#fs.publish({ moves, cleanup: temporary });
    } catch (thrown) {
      if (!hasCode(thrown, 'FILE_EXISTS')) throw thrown;
      await this.#fs.delete(temporary, { recursive: true });
    }
    return (await this.#find(start.partition)) ?? first;
  }

  async #find(partition: number): Promise<LandedTo | undefined> {
    const files = await this.#fs.glob(`${this.#folder}/${this.#topic}+${partition}+*`);
    const newest = files
      .map(({ path }) => path)
      .toSorted()
      .at(-1);
    if (newest === undefined) return undefined;
    return JSON.parse((await this.#fs.readFile(newest)).toString()) as LandedTo;
  }
}
