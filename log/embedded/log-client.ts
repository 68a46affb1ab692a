import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { Net } from '../../common/seams/net.ts';
import { FramedConnection } from '../framed-connection.ts';
import { type Retries, withRetries } from '../retry.ts';
import { answerOf, encodeMessage, type LogAnswers, type LogRequest, type Message } from './protocol.ts';

export interface LogClientOptions {
  readonly url: string;
  readonly address: string;
  readonly timeoutMs: number;
  readonly net: Net;
  readonly clock: Clock;
}

type Request<Op> = Extract<LogRequest, { readonly op: Op }>;

const CONNECT_TIMEOUT_MS = 5_000;

/** One connection to the embedded log, opened when it is needed and again when it was lost. */
export class LogClient {
  readonly #options: LogClientOptions;
  #connection: FramedConnection | undefined;
  #opening: Promise<FramedConnection> | undefined;
  #closed = false;

  constructor(options: LogClientOptions) {
    this.#options = options;
  }

  retries(signal?: AbortSignal): Retries {
    const { clock, timeoutMs, url } = this.#options;
    return { clock, timeoutMs, url, signal };
  }

  /** One attempt. Errors: those of the request, PEER_UNREACHABLE, DEADLINE, INTERRUPTED when the client was closed. */
  async ask<Op extends keyof LogAnswers & LogRequest['op']>(
    request: Request<Op>,
    batches: readonly Buffer[] = [],
  ): Promise<Message<LogAnswers[Op]>> {
    const connection = await this.#connect();
    const frame = await connection.request(encodeMessage(request, batches), this.#options.timeoutMs);
    return answerOf<LogAnswers[Op]>(frame);
  }

  /** Asks until the log answers. Errors: those of the request, LOG_UNAVAILABLE, INTERRUPTED. */
  async call<Op extends keyof LogAnswers & LogRequest['op']>(
    request: Request<Op>,
    batches: readonly Buffer[] = [],
  ): Promise<LogAnswers[Op]> {
    const answer = await withRetries(this.retries(), () => this.ask<Op>(request, batches));
    return answer.head;
  }

  /** Drops the connection; the next request opens another. */
  reset(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  close(): void {
    this.#closed = true;
    this.reset();
  }

  async #connect(): Promise<FramedConnection> {
    this.#checkOpen();
    if (this.#connection?.isOpen) return this.#connection;
    this.#opening ??= FramedConnection.open(
      this.#options.net,
      this.#options.address,
      CONNECT_TIMEOUT_MS,
    ).finally(() => {
      this.#opening = undefined;
    });
    const connection = await this.#opening;
    this.#connection = connection;
    if (this.#closed) connection.close();
    this.#checkOpen();
    return connection;
  }

  #checkOpen(): void {
    if (this.#closed) throw new QuarryError('INTERRUPTED', 'the log was closed by its caller');
  }
}
