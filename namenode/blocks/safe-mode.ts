/** What safe mode is judged by. */
export interface SafeModeFacts {
  readonly knownNodes: number;
  /** Live nodes whose full report of this session is in. */
  readonly reportedNodes: number;
  readonly blocks: number;
  /** Blocks with at least one good replica. */
  readonly available: number;
  /** Blocks with all their replicas. */
  readonly satisfied: number;
}

export interface SafeModeOptions {
  readonly threshold: number;
  readonly extensionMs: number;
}

/**
 * Whether the namespace may be changed. After a start it may not until the blocks are known to be there: at once when every
 * known datanode has reported or every block has its replicas, else when enough blocks have one and a while has passed.
 * A witness of newer metadata (a rolled back namenode) turns it on at any time, and only a person turns that off.
 */
export class SafeMode {
  readonly #options: SafeModeOptions;
  #on = true;
  #manual = false;
  #rolledBack: string | undefined;
  #thresholdSinceMs: number | undefined;
  #reason = 'the namenode has just started';

  constructor(options: SafeModeOptions) {
    this.#options = options;
  }

  get on(): boolean {
    return this.#on || this.#manual || this.#rolledBack !== undefined;
  }

  /** Why it is on; '' when it is off. */
  get reason(): string {
    if (this.#rolledBack !== undefined) return this.#rolledBack;
    if (this.#manual) return 'an administrator turned it on';
    return this.#on ? this.#reason : '';
  }

  /** Metadata newer than ours exists. */
  witness(reason: string): void {
    this.#rolledBack ??= reason;
  }

  enter(): void {
    this.#manual = true;
  }

  leave(): void {
    this.#manual = false;
    this.#on = false;
    this.#rolledBack = undefined;
  }

  evaluate(facts: SafeModeFacts, monoMs: number): void {
    if (!this.#on) return;
    if (facts.blocks === 0 || (facts.knownNodes > 0 && facts.reportedNodes >= facts.knownNodes)) {
      this.#on = false;
      return;
    }
    if (facts.satisfied >= facts.blocks) {
      this.#on = false;
      return;
    }
    const needed = Math.ceil(facts.blocks * this.#options.threshold);
    if (facts.available < needed) {
      this.#thresholdSinceMs = undefined;
      this.#reason = `${facts.available} of ${facts.blocks} blocks have a replica, ${needed} are needed; ${facts.reportedNodes} of ${facts.knownNodes} known datanodes have reported`;
      return;
    }
    this.#thresholdSinceMs ??= monoMs;
    const leftMs = this.#thresholdSinceMs + this.#options.extensionMs - monoMs;
    if (leftMs <= 0) this.#on = false;
    else this.#reason = `enough blocks have a replica; it ends in ${Math.ceil(leftMs / 1000)} s`;
  }
}
