import type { LiveEvent } from '../common/serving-api.ts';

const RETRY_MS = 2_000;
/** An event comes each second; without one for that long the connection is no good. */
const SILENCE_MS = 8_000;

export interface LiveHandlers {
  event(event: LiveEvent): void;
  /** After a gap, when events may have been missed. */
  reconnected(): void;
  state(state: 'live' | 'lost'): void;
}

/** Listens to /api/live and comes back whenever the connection breaks. */
export function listenLive(handlers: LiveHandlers): void {
  let source: EventSource | undefined;
  let hasLost = false;
  let silence: number | undefined;
  const lost = () => {
    source?.close();
    clearTimeout(silence);
    hasLost = true;
    handlers.state('lost');
    setTimeout(open, RETRY_MS);
  };
  const open = () => {
    source = new EventSource('/api/live');
    silence = setTimeout(lost, SILENCE_MS);
    source.addEventListener('error', lost);
    source.addEventListener('message', ({ data }) => {
      clearTimeout(silence);
      silence = setTimeout(lost, SILENCE_MS);
      handlers.event(JSON.parse(String(data)) as LiveEvent);
      handlers.state('live');
      if (hasLost) {
        hasLost = false;
        handlers.reconnected();
      }
    });
  };
  open();
}
