import type { Proc } from '../common/seams/proc.ts';
import type { Journal } from './journal/journal.ts';
import type { TransactionChain } from './journal/transaction-chain.ts';
import { COUNTERS_KEY } from './namespace/keys.ts';
import type { NamespaceView } from './namespace/namespace-view.ts';
import { COUNTERS } from './namespace/records.ts';
import { assert } from '../common/assert.ts';

interface Batch {
  readonly durable: Promise<void>;
  readonly settle: () => void;
}

/**
 * Makes the pending state durable: one batch is in flight, the next collects meanwhile. A batch that fails leaves the
 * process nothing to go on with: what LevelDB kept of it is unknown, and an fsync that failed once may lie the next time.
 */
export class GroupCommit {
  readonly #view: NamespaceView;
  readonly #chain: TransactionChain;
  readonly #journal: Journal;
  readonly #proc: Proc;
  readonly #onDurable: (txid: number) => void;
  #collecting: Batch | undefined;
  #inFlight: Batch | undefined;

  constructor(parts: {
    view: NamespaceView;
    chain: TransactionChain;
    journal: Journal;
    proc: Proc;
    onDurable: (txid: number) => void;
  }) {
    this.#view = parts.view;
    this.#chain = parts.chain;
    this.#journal = parts.journal;
    this.#proc = parts.proc;
    this.#onDurable = parts.onDurable;
  }

  /** Resolves when everything that the pending state holds now is durable. */
  durable(): Promise<void> {
    if (this.#view.collectingSize === 0) return this.#inFlight?.durable ?? Promise.resolve();
    if (this.#collecting === undefined) {
      this.#collecting = newBatch();
      // Whatever else this turn executes joins the batch.
      if (this.#inFlight === undefined) queueMicrotask(() => this.#write());
    }
    return this.#collecting.durable;
  }

  #write(): void {
    const batch = this.#collecting;
    const counters = this.#view.pending.get(COUNTERS, COUNTERS_KEY);
    assert(batch !== undefined && counters !== undefined, 'a batch was collected');
    this.#collecting = undefined;
    this.#inFlight = batch;
    const sealed = this.#chain.next(this.#view.seal(), counters);
    this.#journal.append(sealed).then(
      () => {
        this.#view.settle();
        this.#inFlight = undefined;
        this.#onDurable(sealed.txid);
        batch.settle();
        if (this.#collecting !== undefined) this.#write();
      },
      (thrown: unknown) => this.#proc.abort('journal.append-failed', thrown),
    );
  }
}

function newBatch(): Batch {
  let settle: () => void = () => undefined;
  const durable = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { durable, settle };
}
