import { QuarryError } from '../../common/quarry-error.ts';
import type { Timer } from '../../common/seams/clock.ts';
import type { Seams } from '../../common/seams/seams.ts';
import type { NamenodeClient } from './namenode-client.ts';

/** Keeps the client's lease alive while it writes anything. One lease covers all its files. */
export class LeaseRenewer {
  readonly #namenode: NamenodeClient;
  readonly #intervalMs: number;
  readonly #seams: Pick<Seams, 'clock' | 'log'>;
  #open = 0;
  #timer: Timer | undefined;

  /** A third of the soft limit: two renewals may be lost before another client can take over. */
  constructor(namenode: NamenodeClient, leaseSoftMs: number, seams: Pick<Seams, 'clock' | 'log'>) {
    this.#namenode = namenode;
    this.#intervalMs = leaseSoftMs / 3;
    this.#seams = seams;
  }

  opened(): void {
    if (this.#open++ === 0) this.#schedule();
  }

  closed(): void {
    if (--this.#open === 0) this.stop();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer = this.#seams.clock.setTimer(this.#intervalMs, () => {
      this.#namenode
        .call('RenewLease', {}, { timeoutMs: this.#intervalMs })
        .catch((thrown: unknown) => {
          // The writers find out by LEASE_LOST when it matters; until then the next renewal may do.
          this.#seams.log.warn({ err: QuarryError.from(thrown) }, 'lease.not-renewed');
        })
        .finally(() => {
          if (this.#timer !== undefined) this.#schedule();
        });
    });
  }
}
