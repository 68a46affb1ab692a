import { hasCode, QuarryError } from '../common/quarry-error.ts';
import { executorService } from '../common/rpc/services.ts';
import type { Seams } from '../common/seams/seams.ts';
import type { RegisterExecutorRequestInput } from '../proto/gen/quarry/RegisterExecutorRequest.ts';

const CALL_TIMEOUT_MS = 2_000;
const RETRY_MS = 200;

export interface RegistrationOptions {
  readonly driverAddress: string;
  readonly registration: RegisterExecutorRequestInput;
  readonly load: () => { readonly runningTasks: number; readonly cacheBytes: number };
  readonly intervalMs: number;
  readonly seams: Pick<Seams, 'rpc' | 'clock' | 'log'>;
}

/** Keeps the executor known to the driver: registers, reports that it lives, and registers again with a driver that has forgotten it. */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Resolves once registered, or after `patienceMs` when the driver is not there yet: then it goes on trying. Errors: INVALID_ARGUMENT when the driver refuses. */
  async start(patienceMs: number): Promise<void> {
    const { clock } = this.#options.seams;
    const registered = this.#register();
    this.#loop = registered.then(
      () => this.#beat(),
      // The caller has the error from `registered`.
      () => undefined,
    );
    await Promise.race([registered, clock.sleep(patienceMs, this.#stop.signal)]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #register(): Promise<void> {
    const { seams, driverAddress, registration } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await seams.rpc.client.call(driverAddress, executorService().RegisterExecutor, registration, {
          timeoutMs: CALL_TIMEOUT_MS,
        });
        seams.log.info({ driver: driverAddress }, 'executor.registered');
        return;
      } catch (thrown) {
        const error = QuarryError.from(thrown);
        if (error.reaction === 'give-up') throw error;
        seams.log.debug({ err: error }, 'executor.not-registered');
      }
      await seams.clock.sleep(RETRY_MS, this.#stop.signal);
    }
  }

  async #beat(): Promise<void> {
    const { seams, driverAddress, registration, load, intervalMs } = this.#options;
    while (!this.#stop.signal.aborted) {
      await seams.clock.sleep(intervalMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return;
      try {
        const { id, incarnation } = registration;
        await seams.rpc.client.call(
          driverAddress,
          executorService().ExecutorHeartbeat,
          { id: id ?? '', incarnation: incarnation ?? '', ...load() },
          { timeoutMs: CALL_TIMEOUT_MS },
        );
      } catch (thrown) {
        if (hasCode(thrown, 'NOT_REGISTERED')) await this.#registerAgain();
        else seams.log.warn({ err: QuarryError.from(thrown) }, 'heartbeat.failed');
      }
    }
  }

  async #registerAgain(): Promise<void> {
    try {
      await this.#register();
    } catch (thrown) {
      // A driver of another version now: nothing to do but to keep asking and to say so.
      this.#options.seams.log.error({ err: QuarryError.from(thrown) }, 'executor.refused');
    }
  }
}
