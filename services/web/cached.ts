import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';

/**
 * One read at a time, and none while the last answer is younger than `maxAgeMs`: any number of pages cost one. Failures are
 * remembered as long, so that a part that is down is not asked more often than one that is up.
 */
export class Cached<T> {
  readonly #read: () => Promise<T>;
  readonly #maxAgeMs: number;
  readonly #clock: Clock;
  #answer: Promise<T> | undefined;
  /** Infinity while a read is under way. */
  #untilMs = 0;

  constructor(clock: Clock, maxAgeMs: number, read: () => Promise<T>) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
    this.#read = read;
  }

  get(): Promise<T> {
    if (this.#answer !== undefined && this.#clock.monoMs() < this.#untilMs) return this.#answer;
    const answer = this.#read();
    const keep = () => {
      this.#untilMs = this.#clock.monoMs() + this.#maxAgeMs;
    };
    this.#untilMs = Infinity;
    this.#answer = answer;
    answer.then(keep, keep);
    return answer;
  }
}

/** One `Cached` a key; the one that was asked for longest ago is forgotten. */
export class CachedByKey<T> {
  readonly #make: (key: string) => Cached<T>;
  readonly #keysMax: number;
  readonly #entries = new Map<string, Cached<T>>();

  constructor(keysMax: number, make: (key: string) => Cached<T>) {
    this.#keysMax = keysMax;
    this.#make = make;
  }

  get(key: string): Promise<T> {
    const entry = this.#entries.get(key) ?? this.#make(key);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > this.#keysMax) this.#entries.delete(this.#entries.keys().next().value!);
    return entry.get();
  }
}

/** Errors: those of `work`, DEADLINE. What `work` comes to after that is dropped. */
export async function within<T>(clock: Clock, timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = deferred();
  const timer = clock.setTimer(timeoutMs, () =>
    reject(new QuarryError('DEADLINE', `${what} did not answer within ${timeoutMs} ms`)),
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}

function deferred(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  return { promise, reject };
}
