import { QuarryError } from '../../common/quarry-error.ts';

/** What may wait for a slow reader before its producer has to. */
const UNSENT_BYTES_MAX = 32 * 1024 * 1024;
/** What stays for a reader that comes back, although it was sent: what can be lost between here and a client, with much to spare. */
const SENT_BYTES_MAX = 16 * 1024 * 1024;
const SENT_COUNT_MIN = 8;

export interface KeptResponse {
  readonly responseId: string;
  readonly bytes: Buffer;
}

/**
 * The responses of one execution in order, kept so that a reader can come back and go on after the last one it saw.
 * Bounded: `append` waits while readers are behind, and what was sent is let go when it is released or grows old.
 * One reader at a time: a new one ends the one before it.
 */
export class ResponseLog {
  readonly #isReattachable: boolean;
  /** #responses[0] has index #first; everything before #sent has gone to a reader. */
  readonly #responses: KeptResponse[] = [];
  #first = 0;
  #sent = 0;
  #unsentBytes = 0;
  #sentBytes = 0;
  #reader = 0;
  #ended = false;
  #error: QuarryError | undefined;
  #waiters: (() => void)[] = [];

  constructor(isReattachable: boolean) {
    this.#isReattachable = isReattachable;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get isBehind(): boolean {
    return this.#sent < this.#end;
  }

  get #end(): number {
    return this.#first + this.#responses.length;
  }

  /** The id of the next response. */
  nextId(operationId: string): string {
    return `${this.#end}.${operationId}`;
  }

  /** Resolves when there is room for more, or when the log has ended. */
  async append(response: KeptResponse): Promise<void> {
    if (this.#ended) return;
    this.#responses.push(response);
    this.#unsentBytes += response.bytes.length;
    this.#wake();
    while (this.#unsentBytes > UNSENT_BYTES_MAX && !this.#ended) await this.#changed();
  }

  /** No more responses: the execution is over, well or with an error that every reader gets at the end. */
  end(error?: QuarryError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
  }

  /** The responses after `lastResponseId`, and new ones as they come, until the end or until `signal` aborts. Errors: INVALID_ARGUMENT (INVALID_CURSOR), the execution's own. */
  async *read(
    lastResponseId: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<KeptResponse, void, undefined> {
    const reader = ++this.#reader;
    this.#wake();
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      yield* this.#follow(reader, this.#indexAfter(lastResponseId), signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async *#follow(
    reader: number,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<KeptResponse, void, undefined> {
    let next = from;
    while (!signal.aborted) {
      if (reader !== this.#reader) {
        throw cursorError('DISCONNECTED', 'The cursor has been disconnected by the server.');
      }
      if (next < this.#end) {
        const response = this.#responses[next - this.#first];
        if (response === undefined) throw positionGone(undefined);
        next += 1;
        this.#markSent(next);
        yield response;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await this.#changed();
      }
    }
  }

  /** Lets go of a response and all before it. */
  releaseUntil(responseId: string): void {
    const index = indexOf(responseId);
    while (index !== undefined && this.#first <= index && this.#first < this.#sent) this.#drop();
  }

  #markSent(next: number): void {
    for (; this.#sent < next; this.#sent++) {
      const bytes = this.#responses[this.#sent - this.#first]!.bytes.length;
      this.#unsentBytes -= bytes;
      this.#sentBytes += bytes;
    }
    const isTooMuch = () =>
      this.#sentBytes > SENT_BYTES_MAX && this.#sent - this.#first > SENT_COUNT_MIN && this.#first < next - 1;
    while (this.#isReattachable ? isTooMuch() : this.#first < next) this.#drop();
    this.#wake();
  }

  #drop(): void {
    const dropped = this.#responses.shift();
    this.#first += 1;
    this.#sentBytes -= dropped?.bytes.length ?? 0;
  }

  #indexAfter(lastResponseId: string | undefined): number {
    const next = lastResponseId === undefined ? 0 : (indexOf(lastResponseId) ?? -2) + 1;
    if (next < 0 || next > this.#end) {
      throw cursorError('POSITION_NOT_FOUND', `The cursor position id ${lastResponseId} is not found.`);
    }
    if (next < this.#first) throw positionGone(lastResponseId);
    return next;
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

function indexOf(responseId: string): number | undefined {
  const match = /^(\d{1,15})\./.exec(responseId);
  return match === null ? undefined : Number(match[1]);
}

function positionGone(responseId: string | undefined): QuarryError {
  return cursorError(
    'POSITION_NOT_AVAILABLE',
    `The cursor position id ${responseId ?? 'of the first response'} is no longer available.`,
  );
}

function cursorError(reason: string, text: string): QuarryError {
  const errorClass = `INVALID_CURSOR.${reason}`;
  return new QuarryError(
    'INVALID_ARGUMENT',
    `[${errorClass}] The cursor is invalid. ${text} SQLSTATE: HY109`,
    { details: { errorClass, sqlState: 'HY109' } },
  );
}
