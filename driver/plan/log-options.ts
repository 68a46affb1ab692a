import { QuarryError } from '../../common/quarry-error.ts';

type Options = Readonly<Record<string, string>>;

/** Options compare without case, as Spark's do. */
export function optionOf(options: Options, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const key = Object.keys(options).find((each) => each.toLowerCase() === wanted);
  return key === undefined ? undefined : options[key];
}

export function isLogFormat(format: string): boolean {
  return format === 'kafka' || format === 'quarry-log';
}

/** Which log a source or sink means: `kafka.bootstrap.servers` of kafka, `url` (or the former) of quarry-log. Errors: INVALID_ARGUMENT. */
export function logUrl(format: string, options: Options): string {
  const servers = optionOf(options, 'kafka.bootstrap.servers');
  const url = optionOf(options, 'url') ?? servers;
  if (url === undefined) {
    const wanted = format === 'kafka' ? 'kafka.bootstrap.servers' : 'url';
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `Option '${wanted}' must be specified for configuring the ${format} source or sink`,
    );
  }
  if (/^[a-z-]+:\/\//.test(url)) return url;
  return format === 'kafka' ? `kafka://${url}` : `quarry-log://${url}`;
}

/** What a source or sink tells Kafka's client: every option that begins with `kafka.`, without that. Passwords are among them. */
export function logSettings(options: Options): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(options)) {
    const lower = name.toLowerCase();
    if (lower.startsWith('kafka.') && lower !== 'kafka.bootstrap.servers')
      settings[lower.slice('kafka.'.length)] = value;
  }
  return settings;
}

/** How a source names its topics: exactly one of subscribe, subscribePattern, assign. Errors: INVALID_ARGUMENT. */
export type TopicChoice =
  | { readonly kind: 'subscribe'; readonly topics: readonly string[] }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'assign'; readonly partitions: Readonly<Record<string, readonly number[]>> };

export function topicChoice(options: Options): TopicChoice {
  const subscribe = optionOf(options, 'subscribe');
  const pattern = optionOf(options, 'subscribePattern');
  const assign = optionOf(options, 'assign');
  const given = [subscribe, pattern, assign].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `One of the following options must be specified for the source: 'subscribe', 'subscribePattern' or 'assign', and only one: got ${given.length}`,
    );
  }
  if (subscribe !== undefined) {
    const topics = subscribe
      .split(',')
      .map((topic) => topic.trim())
      .filter((topic) => topic !== '');
    if (topics.length === 0) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `No topics to subscribe to as specified value for option 'subscribe' is '${subscribe}'`,
      );
    }
    return { kind: 'subscribe', topics };
  }
  if (pattern !== undefined) return { kind: 'pattern', pattern: expression(pattern) };
  return { kind: 'assign', partitions: offsetsJson('assign', assign!) as Record<string, number[]> };
}

function expression(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `option subscribePattern: ${pattern} is no regular expression`,
      { cause },
    );
  }
}

/** Where a source starts or ends: at an end of each partition, or by topic and partition (-2 is earliest, -1 latest), or by time. */
export type OffsetChoice =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'offsets'; readonly offsets: Readonly<Record<string, Readonly<Record<string, number>>>> }
  /** Milliseconds since 1970: for every partition, or by topic and partition. */
  | { readonly kind: 'time'; readonly timestampMs: number }
  | { readonly kind: 'times'; readonly times: Readonly<Record<string, Readonly<Record<string, number>>>> };

/** `startingTimestamp`, `startingOffsetsByTimestamp`, `startingOffsets`, in this order, and the same of `ending`. Errors: INVALID_ARGUMENT. */
export function offsetChoice(
  options: Options,
  edge: 'starting' | 'ending',
  otherwise: 'earliest' | 'latest',
): OffsetChoice {
  const time = optionOf(options, `${edge}Timestamp`);
  if (time !== undefined) {
    const timestampMs = Number(time);
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `option ${edge}Timestamp: ${time} is no number of milliseconds since 1970`,
      );
    }
    return { kind: 'time', timestampMs };
  }
  const times = optionOf(options, `${edge}OffsetsByTimestamp`);
  if (times !== undefined) {
    return {
      kind: 'times',
      times: offsetsJson(`${edge}OffsetsByTimestamp`, times) as Record<string, Record<string, number>>,
    };
  }
  const text = optionOf(options, `${edge}Offsets`)?.trim();
  if (text === undefined) return { kind: otherwise };
  const word = text.toLowerCase();
  if (word === 'earliest' || word === 'latest') return { kind: word };
  return {
    kind: 'offsets',
    offsets: offsetsJson(`${edge}Offsets`, text) as Record<string, Record<string, number>>,
  };
}

/** `{"topic": {"0": 23, "1": -2}}`, or for `assign` `{"topic": [0, 1]}`. */
function offsetsJson(option: string, text: string): unknown {
  const wanted =
    option === 'assign' ? `{"topicA":[0,1],"topicB":[2,4]}` : `{"topicA":{"0":23,"1":-1},"topicB":{"0":-2}}`;
  const malformed = (cause?: unknown): QuarryError =>
    new QuarryError('INVALID_ARGUMENT', `Expected e.g. ${wanted} for option ${option}, got ${text}`, {
      cause,
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw malformed();
  for (const partitions of Object.values(parsed)) {
    if (typeof partitions !== 'object' || partitions === null) throw malformed();
    if (Array.isArray(partitions) !== (option === 'assign')) throw malformed();
    if (!Object.values(partitions).every((value) => Number.isSafeInteger(value))) throw malformed();
  }
  return parsed;
}
