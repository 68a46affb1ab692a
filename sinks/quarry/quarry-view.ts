import { QuarryError } from '../../common/quarry-error.ts';
import type { KeyValueView, ViewBatch, ViewMarker, ViewOutcome } from '../key-value-view.ts';
import { checkBatch, checkView, groupByKey } from '../view-names.ts';
import { ViewsClient } from './views-client.ts';

/** Keys of one ReadView: a reply stays below gRPC's bound with a hundred thousand values a key. */
const READ_KEYS_MAX = 32;
const READS_AT_ONCE = 4;
/** Of one CommitView: gRPC's bound is 64 MiB, and a text has up to three bytes a character. */
const BATCH_CHARACTERS_MAX = 16 * 1024 * 1024;

/** A view of services/views. */
export class QuarryView implements KeyValueView {
  readonly #client: ViewsClient;

  /** `address` is host:port. */
  constructor(address: string) {
    this.#client = new ViewsClient(address, 'VIEW_UNAVAILABLE');
  }

  async commit(batch: ViewBatch): Promise<ViewOutcome> {
    checkBatch(batch);
    const groups = groupByKey(batch.entries);
    checkSize(batch.view, groups);
    const { epoch, batchId, ttlSeconds, view } = batch;
    const values = [...groups].map(([key, fields]) => ({
      key,
      fields: [...fields.keys()],
      values: [...fields.values()],
    }));
    const { service } = this.#client;
    const reply = await this.#client.call(service.CommitView, { view, epoch, batchId, ttlSeconds, values });
    const marker = reply.marker ?? undefined;
    if (reply.outcome === 'gap') return { kind: 'gap', marker };
    if (reply.outcome === 'skipped' && marker !== undefined) return { kind: 'skipped', marker };
    return { kind: 'written' };
  }

  async marker(view: string): Promise<ViewMarker | undefined> {
    checkView(view);
    const { marker } = await this.#client.call(this.#client.service.ReadViewMarker, { view });
    return marker ?? undefined;
  }

  async read(view: string, keys: readonly string[]): Promise<Map<string, Map<string, string>>> {
    checkView(view);
    const found = new Map<string, Map<string, string>>();
    for (let from = 0; from < keys.length; from += READ_KEYS_MAX * READS_AT_ONCE) {
      const calls = Array.from({ length: READS_AT_ONCE }, (_, at) => {
        const start = from + at * READ_KEYS_MAX;
        return keys.slice(start, start + READ_KEYS_MAX);
      }).filter((asked) => asked.length > 0);
      const replies = await Promise.all(
        calls.map((asked) => this.#client.call(this.#client.service.ReadView, { view, keys: asked })),
      );
      for (const { key, fields, values } of replies.flatMap((reply) => reply.values)) {
        found.set(key, new Map(fields.map((field, at) => [field, values[at]!])));
      }
    }
    return found;
  }

  async keys(view: string, from: string, until: string): Promise<string[]> {
    checkView(view);
    const { keys } = await this.#client.call(this.#client.service.ListViewKeys, { view, from, until });
    return keys;
  }

  async views(): Promise<string[]> {
    return (await this.#client.call(this.#client.service.ListViews, {})).views;
  }

  async drop(view: string): Promise<void> {
    checkView(view);
    await this.#client.call(this.#client.service.DropView, { view });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function checkSize(view: string, groups: ReadonlyMap<string, ReadonlyMap<string, string>>): void {
  let characters = 0;
  for (const [key, fields] of groups) {
    characters += key.length;
    for (const [field, value] of fields) characters += field.length + value.length;
  }
  if (characters <= BATCH_CHARACTERS_MAX) return;
  throw new QuarryError(
    'LIMIT_EXCEEDED',
    `a batch of view ${view} has ${characters} characters, of ${BATCH_CHARACTERS_MAX}: take fewer records a trigger (maxOffsetsPerTrigger)`,
  );
}
