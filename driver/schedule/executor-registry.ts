import type { Logger } from '../../common/log.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import { executorService } from '../../common/rpc/services.ts';
import type { Clock, Timer } from '../../common/seams/clock.ts';
import type { RpcServer } from '../../common/seams/rpc.ts';
import type { ExecutorHeartbeatRequest } from '../../proto/gen/quarry/ExecutorHeartbeatRequest.ts';
import type { RegisterExecutorRequest } from '../../proto/gen/quarry/RegisterExecutorRequest.ts';
import type { ExecutorSpec } from './job-graph.ts';

export interface RegistryOptions {
  readonly timeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRegistered: (executor: ExecutorSpec) => void;
  readonly onLost: (executorId: string, reason: string) => void;
}

interface Registered {
  readonly spec: ExecutorSpec;
  readonly kernelVersion: string;
  lastSeenMs: number;
}

/** Which executors there are. One that is silent for too long, or whose call broke, is lost until it registers again. */
export class ExecutorRegistry {
  readonly #options: RegistryOptions;
  readonly #executors = new Map<string, Registered>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#watch();
  }

  register(server: RpcServer): void {
    server.handle(executorService().RegisterExecutor, async (request) => this.#register(request));
    server.handle(executorService().ExecutorHeartbeat, async (request) => this.#heartbeat(request));
  }

  list(): readonly ExecutorSpec[] {
    return [...this.#executors.values()].map(({ spec }) => spec);
  }

  lose(executor: ExecutorSpec, reason: string): void {
    const known = this.#executors.get(executor.id);
    if (known?.spec.incarnation !== executor.incarnation) return;
    this.#executors.delete(executor.id);
    this.#options.log.warn({ executor: executor.id, reason }, 'executor.lost');
    this.#options.onLost(executor.id, reason);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #register(request: RegisterExecutorRequest): { heartbeatIntervalMs: number } {
    const { id, incarnation, node, taskAddress, shuffleAddress, slots, kernelVersion } = request;
    if (id === '' || incarnation === '' || slots < 1) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        'an executor registers with an id, an incarnation and at least one slot',
      );
    }
    const other = [...this.#executors.values()].find((known) => known.spec.id !== id);
    if (other !== undefined && other.kernelVersion !== kernelVersion) {
      // Kernels of two versions may hash or round differently: one job must not mix them.
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `${id} runs kernel ${kernelVersion}, ${other.spec.id} ${other.kernelVersion}: install the same version on all nodes`,
      );
    }
    const spec: ExecutorSpec = { id, incarnation, node, taskAddress, shuffleAddress, slots };
    this.#executors.set(id, { spec, kernelVersion, lastSeenMs: this.#options.clock.monoMs() });
    this.#options.log.info({ executor: id, node, slots }, 'executor.registered');
    this.#options.onRegistered(spec);
    return { heartbeatIntervalMs: this.#options.heartbeatIntervalMs };
  }

  #heartbeat(request: ExecutorHeartbeatRequest): Record<string, never> {
    const known = this.#executors.get(request.id);
    if (known?.spec.incarnation !== request.incarnation) {
      throw new QuarryError('NOT_REGISTERED', `the driver does not know ${request.id}: register again`);
    }
    known.lastSeenMs = this.#options.clock.monoMs();
    return {};
  }

  #watch(): void {
    const { clock, timeoutMs } = this.#options;
    this.#timer = clock.setTimer(Math.max(50, timeoutMs / 5), () => {
      if (this.#closed) return;
      const nowMs = clock.monoMs();
      for (const { spec, lastSeenMs } of this.#executors.values()) {
        if (nowMs - lastSeenMs > timeoutMs) this.lose(spec, `no heartbeat for ${timeoutMs} ms`);
      }
      this.#watch();
    });
  }
}
