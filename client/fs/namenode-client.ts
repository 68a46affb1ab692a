import type { NamenodeServiceDefinition } from '../../proto/gen/quarry/NamenodeService.ts';
import type { ErrorCode } from '../../common/error-codes.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { namenodeService } from '../../common/rpc/services.ts';
import type { Method } from '../../common/seams/rpc.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { backoffMs } from './backoff.ts';

export type NamenodeCall = Exclude<keyof NamenodeServiceDefinition, number | symbol>;
type RequestOf<K extends NamenodeCall> =
  NamenodeServiceDefinition[K] extends Method<infer ReqIn, infer _ResIn, infer _ReqOut, infer _ResOut>
    ? Omit<ReqIn, 'caller'>
    : never;
type ReplyOf<K extends NamenodeCall> =
  NamenodeServiceDefinition[K] extends Method<infer _ReqIn, infer _ResIn, infer _ReqOut, infer ResOut>
    ? ResOut
    : never;

/** Conditions of the cluster, not of the call: the same call may succeed a moment later. */
const PASSING: readonly ErrorCode[] = [
  'PEER_UNREACHABLE',
  'DEADLINE',
  'SAFE_MODE',
  'NOT_REPLICATED_YET',
  'NOT_ENOUGH_DATANODES',
];

/** A namenode that says nothing for that long is asked again: it may be paused, or its host gone without a reset. */
const ATTEMPT_TIMEOUT_MS = 2_000;

export interface NamenodeClientOptions {
  readonly address: string;
  readonly user: string;
  readonly hostLabel: string;
  /** Over all attempts of one call. */
  readonly timeoutMs: number;
  readonly seams: Pick<Seams, 'rpc' | 'clock' | 'random' | 'log'>;
}

export interface PatienceOptions {
  /** How long one attempt may take, for calls that wait on the namenode's side. */
  readonly attemptTimeoutMs?: number;
  /** Over all attempts, when less than the client's. */
  readonly timeoutMs?: number;
  /** How long NOT_ENOUGH_DATANODES is waited out, when less: with nodes excluded, waiting seldom brings another one. */
  readonly scarcityTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls to the namenode that outlive it: a call is sent again, under the same call id, until it is answered or its time
 * is up. The namenode's retry cache makes that one effect and one answer, so a restart is seen as a wait and nothing else.
 */
export class NamenodeClient {
  readonly #options: NamenodeClientOptions;
  readonly #clientId: Buffer;
  #callId = 0;
  /** The lease holder: one for all files this client writes. */
  readonly clientName: string;

  constructor(options: NamenodeClientOptions) {
    this.#options = options;
    this.#clientId = options.seams.random.bytes(16);
    this.clientName = `quarry-${options.user}-${this.#clientId.toString('hex').slice(0, 12)}`;
  }

  get address(): string {
    return this.#options.address;
  }

  /** Errors: what the namenode threw; PEER_UNREACHABLE, DEADLINE, SAFE_MODE or NOT_ENOUGH_DATANODES only after the whole time. */
  async call<K extends NamenodeCall>(
    name: K,
    request: RequestOf<K>,
    patience: PatienceOptions = {},
  ): Promise<ReplyOf<K>> {
    const { clock, random, log } = this.#options.seams;
    const caller = {
      clientId: this.#clientId,
      callId: ++this.#callId,
      user: this.#options.user,
      clientName: this.clientName,
      hostLabel: this.#options.hostLabel,
    };
    const allowedMs = Math.min(patience.timeoutMs ?? Infinity, this.#options.timeoutMs);
    const startMs = clock.monoMs();
    const deadlineMs = startMs + allowedMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#attempt(name, { ...request, caller }, deadlineMs, attempt, patience);
      } catch (thrown) {
        if (!hasCode(thrown, ...PASSING) || patience.signal?.aborted) throw thrown;
        const patienceMs =
          thrown.code === 'NOT_ENOUGH_DATANODES'
            ? Math.min(patience.scarcityTimeoutMs ?? Infinity, allowedMs)
            : allowedMs;
        const delayMs = backoffMs(attempt, random);
        if (clock.monoMs() + delayMs >= startMs + patienceMs) throw this.#gaveUp(name, thrown, patienceMs);
        log.debug({ call: name, attempt, code: thrown.code }, 'namenode-call.retried');
        await clock.sleep(delayMs, patience.signal);
      }
    }
  }

  #attempt<K extends NamenodeCall>(
    name: K,
    request: object,
    deadlineMs: number,
    attempt: number,
    patience: PatienceOptions,
  ): Promise<ReplyOf<K>> {
    const { clock, rpc } = this.#options.seams;
    const leftMs = Math.max(1, deadlineMs - clock.monoMs());
    // A call that is slow by nature (fsck of a large tree) gets twice the time with each attempt.
    const attemptMs = (patience.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS) * 2 ** Math.min(attempt, 4);
    const method = namenodeService()[name] as unknown as Method<object, object, object, ReplyOf<K>>;
    return rpc.client.call(this.address, method, request, {
      timeoutMs: Math.min(leftMs, attemptMs),
      signal: patience.signal,
    });
  }

  #gaveUp(name: string, last: QuarryError, allowedMs: number): QuarryError {
    const options = { cause: last, details: { ...last.details, call: name } };
    const waited = `after ${Math.round(allowedMs / 100) / 10} s`;
    switch (last.code) {
      case 'PEER_UNREACHABLE':
      case 'DEADLINE':
        return new QuarryError(
          last.code,
          `the namenode at ${this.address} does not answer (${name}, gave up ${waited}): see that the cluster runs`,
          options,
        );
      default:
        return new QuarryError(last.code, `${last.message} (${name}, gave up ${waited})`, options);
    }
  }
}
