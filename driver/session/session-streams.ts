import { QuarryError } from '../../common/quarry-error.ts';

/** What a client's listeners hear of. */
export interface StreamEvent {
  readonly kind: 'progress' | 'terminated' | 'idle';
  /** As Spark's `QueryProgressEvent.json` and its like. */
  readonly json: string;
}

/** Where a batch waits for the client's own function. */
interface PendingBatch {
  readonly batchId: number;
  readonly resolve: () => void;
  readonly reject: (error: QuarryError) => void;
}

/** A session's side of its streaming queries: who listens, and which batches a client's function has in hand. */
export class SessionStreams {
  readonly #listeners = new Set<(event: StreamEvent) => void>();
  readonly #pending = new Map<string, PendingBatch>();
  /** Ends the open stream of events, when there is one. */
  endListening: (() => void) | undefined;

  listen(listener: (event: StreamEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  post(event: StreamEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Resolves when the client has answered for the batch. Errors: what the client's function threw, or INTERRUPTED. */
  awaitAnswer(runId: string, batchId: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        this.#pending.delete(runId);
        reject(
          new QuarryError(
            'INTERRUPTED',
            `the client that runs the foreachBatch function went away before it had answered for batch ${batchId}`,
          ),
        );
      };
      if (signal.aborted) return gone();
      signal.addEventListener('abort', gone, { once: true });
      const settled = (run: () => void): void => {
        signal.removeEventListener('abort', gone);
        run();
      };
      this.#pending.set(runId, {
        batchId,
        resolve: () => settled(resolve),
        reject: (error) => settled(() => reject(error)),
      });
    });
  }

  /** Errors: INVALID_ARGUMENT when no such batch waits. */
  answer(runId: string, batchId: number, error: QuarryError | undefined): void {
    const pending = this.#pending.get(runId);
    if (pending?.batchId !== batchId) {
      throw new QuarryError('INVALID_ARGUMENT', `batch ${batchId} of run ${runId} waits for no answer`);
    }
    this.#pending.delete(runId);
    if (error === undefined) pending.resolve();
    else pending.reject(error);
  }
}
