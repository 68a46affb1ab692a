import { QuarryError } from '../../common/quarry-error.ts';

export interface ClickOptions {
  /** Equal options make equal clicks. */
  readonly seed: number;
  /** Event times rise from here ... */
  readonly fromMs: number;
  /** ... to before here. */
  readonly untilMs: number;
  /** Clicks, late ones included; malformed lines come on top. */
  readonly count: number;
  /** How many products; the k-th is clicked as often as 1 / k^1.1 says. Default 50. */
  readonly products?: number;
  /** Share of clicks that come late. Default 0. */
  readonly lateShare?: number;
  /** Malformed lines as a share of the clicks. Default 0. */
  readonly malformedShare?: number;
  /** On-time clicks are at most that far behind an earlier one. Default 5 s; below `lateAfterMs`. */
  readonly disorderMs?: number;
  /** The delay of the jobs' watermark: late clicks are further behind than this. Default 10 min. */
  readonly lateAfterMs?: number;
}

export interface GeneratedLine {
  readonly line: string;
  /** Undefined for a malformed line. */
  readonly click:
    | { readonly product: string; readonly eventTimeMs: number; readonly late: boolean }
    | undefined;
}

/** A late click is that much later than the jobs' delay, so that nobody can call it on time. */
const LATE_MARGIN_MS = 60_000;
const SKEW = 1.1;
/** Late clicks are up to that far behind their product's newest one, beyond what makes them late. */
const LATE_SPREAD_MS = 3 * 3_600_000;
const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/133.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15',
  'curl/8.11.0',
];

/**
 * Clicks as Nginx writes them with a JSON `log_format`, in the order in which the server logs them. What is late is beyond
 * doubt: a late click lies more than the delay behind an earlier click of the same product, thus behind one in its own
 * partition of a log that is keyed by product. Errors: INVALID_ARGUMENT.
 */
export function* clicks(options: ClickOptions): Generator<GeneratedLine, void, undefined> {
  const { fromMs, untilMs, count } = options;
  const lateAfterMs = options.lateAfterMs ?? 600_000;
  const disorderMs = options.disorderMs ?? 5_000;
  if (untilMs <= fromMs)
    throw new QuarryError('INVALID_ARGUMENT', 'clicks need a time span: until is after from');
  if (disorderMs >= lateAfterMs) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'disorder at or above the delay would make on-time clicks late',
    );
  }
  const random = sequence(options.seed);
  const catalogue = new Catalogue(options.products ?? 50);
  const newestMs = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const headMs = fromMs + Math.floor((i / count) * (untilMs - fromMs));
    const product = catalogue.pick(random());
    const newest = newestMs.get(product);
    const latestLateMs = (newest ?? 0) - lateAfterMs - LATE_MARGIN_MS;
    const wantsLate = random() < (options.lateShare ?? 0);
    const late = wantsLate && newest !== undefined && latestLateMs >= fromMs;
    const backMs = Math.floor(random() * (late ? LATE_SPREAD_MS : disorderMs));
    const eventTimeMs = Math.max(fromMs, (late ? latestLateMs : headMs) - backMs);
    if (!late) newestMs.set(product, Math.max(newest ?? 0, eventTimeMs));
    yield { line: accessLogLine(eventTimeMs, product, random), click: { product, eventTimeMs, late } };
    if (random() < (options.malformedShare ?? 0)) {
      yield { line: malformed(accessLogLine(eventTimeMs, product, random), random()), click: undefined };
    }
  }
}

/** What a correct pipeline counts: on-time clicks by product, and how many came late. */
export class ClickTruth {
  readonly products = new Map<string, number>();
  total = 0;
  late = 0;

  add({ click }: GeneratedLine): void {
    if (click === undefined) return;
    if (click.late) {
      this.late++;
      return;
    }
    this.total++;
    this.products.set(click.product, (this.products.get(click.product) ?? 0) + 1);
  }
}

class Catalogue {
  readonly #names: readonly string[];
  readonly #cumulative: readonly number[];

  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1)
      throw new QuarryError('INVALID_ARGUMENT', 'products: at least 1');
    // The same shop whatever the seed: clicks of two days are of the same products.
    this.#names = Array.from({ length: size }, (_, i) => String(100_000 + i * 1_000 + ((i * 7_919) % 1_000)));
    let sum = 0;
    this.#cumulative = this.#names.map((_, i) => (sum += 1 / (i + 1) ** SKEW));
  }

  pick(share: number): string {
    const wanted = share * this.#cumulative.at(-1)!;
    const index = this.#cumulative.findIndex((upTo) => wanted < upTo);
    return this.#names[index === -1 ? this.#names.length - 1 : index]!;
  }
}

function accessLogLine(eventTimeMs: number, product: string, random: () => number): string {
  const user = `u${Math.floor(random() * 5_000)}`;
  const hex = () =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0');
  return JSON.stringify({
    time_iso8601: `${new Date(eventTimeMs).toISOString().slice(0, 19)}+00:00`,
    msec: eventTimeMs / 1_000,
    request_id: hex() + hex() + hex() + hex(),
    remote_addr: `10.0.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`,
    request: `GET /click?product=${product}&user=${user} HTTP/1.1`,
    status: 200,
    body_bytes_sent: 43,
    request_time: Math.floor(random() * 20) / 1_000,
    product,
    user,
    http_referer: '',
    http_user_agent: AGENTS[Math.floor(random() * AGENTS.length)]!,
  });
}

/** What crashed writers and other programs leave in a log: cut lines, other formats, no product, no time. */
function malformed(line: string, choice: number): string {
  if (choice < 0.25) return line.slice(0, Math.floor(line.length / 2));
  if (choice < 0.5) return '10.0.0.1 - - "GET /health HTTP/1.1" 200 2';
  if (choice < 0.75) return line.replace(/"product":"\d+"/, '"product":""');
  return line.replace(/"msec":[\d.]+/, '"msec":"soon"');
}

/** Numbers in [0, 1) from a 32-bit seed: mulberry32. */
function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
