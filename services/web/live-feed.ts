import type { ServerResponse } from 'node:http';
import type { Clock } from '../../common/seams/clock.ts';
import type { LiveEvent, LiveMinute, PartFailure } from '../../common/serving-api.ts';
import { dayOf, type MinuteCounts } from './merge-clicks.ts';
import type { SpeedView } from './speed-view.ts';

const INTERVAL_MS = 1_000;
/** What a new page gets at once. */
const FIRST_MINUTES = 5;
const EVENT_MINUTES_MAX = 60;
const CLIENTS_MAX = 200;
/** A page that takes nothing any more is left: its browser comes back when it can. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

/** Server-sent events with the newest counts of today. The view is read once a second while anybody listens. */
export class LiveFeed {
  readonly #speed: SpeedView;
  readonly #clock: Clock;
  readonly #clients = new Set<ServerResponse>();
  #day = '';
  #sent: MinuteCounts = new Map();
  #isRunning = false;
  #isClosed = false;

  constructor(speed: SpeedView, clock: Clock) {
    this.#speed = speed;
    this.#clock = clock;
  }

  /** False when there are too many already. */
  async add(response: ServerResponse): Promise<boolean> {
    if (this.#isClosed || this.#clients.size >= CLIENTS_MAX) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.on('close', () => this.#clients.delete(response));
    const day = dayOf(this.#clock.nowMs());
    const { counts, failure } = await this.#speed.day(day);
    const newest = [...counts.keys()].toSorted((a, b) => a - b).slice(-FIRST_MINUTES);
    const minutes = newest.map((minuteMs) => liveMinute(minuteMs, counts));
    write(response, this.#event({ minutes, reload: false, unavailable: failures(failure) }, day));
    // Joins before the next tick reads: what changes from here on reaches it.
    this.#clients.add(response);
    if (!this.#isRunning) {
      this.#day = day;
      this.#sent = counts;
      this.#isRunning = true;
      this.#schedule();
    }
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #schedule(): void {
    this.#clock.setTimer(INTERVAL_MS, () => {
      void this.#tick();
    });
  }

  /** Never throws: `day` does not. */
  async #tick(): Promise<void> {
    if (this.#clients.size === 0 || this.#isClosed) {
      this.#isRunning = false;
      return;
    }
    const day = dayOf(this.#clock.nowMs());
    if (day !== this.#day) {
      this.#day = day;
      this.#sent = new Map();
    }
    const { counts, failure } = await this.#speed.day(day);
    const changed = changedMinutes(this.#sent, counts);
    this.#sent = counts;
    const reload = changed.length > EVENT_MINUTES_MAX;
    const minutes = reload ? [] : changed.map((minuteMs) => liveMinute(minuteMs, counts));
    const event = this.#event({ minutes, reload, unavailable: failures(failure) }, day);
    for (const client of this.#clients) write(client, event);
    this.#schedule();
  }

  #event(what: Omit<LiveEvent, 'nowMs' | 'day'>, day: string): string {
    const event: LiveEvent = { nowMs: this.#clock.nowMs(), day, ...what };
    return `data: ${JSON.stringify(event)}\n\n`;
  }
}

/** In order. A minute that is gone counts as changed, with no clicks. */
export function changedMinutes(before: MinuteCounts, now: MinuteCounts): number[] {
  if (before === now) return [];
  const changed = [...now].filter(([minuteMs, counts]) => before.get(minuteMs) !== counts);
  const gone = [...before.keys()].filter((minuteMs) => !now.has(minuteMs));
  return [...changed.map(([minuteMs]) => minuteMs), ...gone].toSorted((a, b) => a - b);
}

function liveMinute(minuteMs: number, counts: MinuteCounts): LiveMinute {
  return [minuteMs, [...(counts.get(minuteMs) ?? [])]];
}

function failures(failure: Error | undefined): PartFailure[] {
  return failure === undefined ? [] : [{ part: 'view', message: failure.message }];
}

function write(client: ServerResponse, event: string): void {
  if (client.writableLength > BACKLOG_BYTES_MAX) client.destroy();
  else client.write(event);
}
