import { QuarryError } from '../../common/quarry-error.ts';

/** What a client has sent under a name: local data under `cache/SHA256`. Lives and dies with its session. */
export class ArtifactStore {
  readonly #artifacts = new Map<string, Uint8Array>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  has(name: string): boolean {
    return this.#artifacts.has(name);
  }

  get(name: string): Uint8Array | undefined {
    return this.#artifacts.get(name);
  }

  /** Errors: LIMIT_EXCEEDED, UNSUPPORTED for what is no cached data. */
  put(name: string, bytes: Uint8Array): void {
    if (!name.startsWith('cache/')) {
      throw new QuarryError(
        'UNSUPPORTED',
        `artifact ${name}: only local data is taken; files, archives and Python code do not reach the executors yet`,
      );
    }
    const before = this.#artifacts.get(name)?.length ?? 0;
    const after = this.#bytes - before + bytes.length;
    if (after > this.#bytesMax) {
      throw new QuarryError(
        'LIMIT_EXCEEDED',
        `the session's local data would be ${after} bytes, more than ${this.#bytesMax}: write it to a file and read that`,
      );
    }
    this.#artifacts.set(name, bytes);
    this.#bytes = after;
  }

  copyTo(other: ArtifactStore): void {
    for (const [name, bytes] of this.#artifacts) other.put(name, bytes);
  }
}
