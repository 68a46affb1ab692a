import { type Clock, sleepOn, type Timer } from '../../common/seams/clock.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRandom } from './sim-random.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** 2024-01-01: a date that a reader of a trace knows for invented. */
const EPOCH_MS = 1_704_067_200_000;

/** Virtual time: a queue of events that is jumped through. Events of one instant run in an order that the seed decides. */
export class SimTime {
  #nowMs = 0;
  #events = 0;
  readonly #heap: Event[] = [];
  readonly #random: SimRandom;

  constructor(random: SimRandom) {
    this.#random = random;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get eventCount(): number {
    return this.#events;
  }

  at(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#random.uint32(), run };
    push(this.#heap, event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs events until the promise settles. Fails when nothing is left to happen, or after so much virtual time. */
  async until<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    const endMs = this.#nowMs + limitMs;
    await settle();
    while (!settled) {
      const event = pop(this.#heap);
      if (event === undefined) throw new Error(`deadlock at ${this.#nowMs} ms: nothing is left to happen`);
      if (event.atMs > endMs) throw new Error(`no outcome within ${limitMs} ms of virtual time`);
      this.#nowMs = event.atMs;
      if (event.run === undefined) continue;
      this.#events += 1;
      event.run();
      await settle();
    }
    return promise;
  }

  /** The clock of one process: its timers end with it, and wait while it is stopped. */
  clock(process: SimProcess): Clock {
    const clock: Clock = {
      nowMs: () => Math.floor(EPOCH_MS + this.#nowMs),
      monoMs: () => this.#nowMs,
      setTimer: (delayMs, run) => this.at(delayMs, () => process.whenRunning(run)),
      sleep: (delayMs, signal) => sleepOn(clock, delayMs, signal),
    };
    return clock;
  }
}

/** One turn of the real event loop drains every microtask and nextTick that an event has set off. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return top;
}
