import { QuarryError } from '../common/quarry-error.ts';
import type { ViewBatch } from './key-value-view.ts';

/** What a view may be called everywhere: no braces, which Redis reads as hash tags, and no control characters. */
// oxlint-disable-next-line no-control-regex
const BAD_VIEW = /[{}\u0000-\u001f]/;
const VIEW_LENGTH_MAX = 256;

/** Errors: INVALID_ARGUMENT. */
export function checkView(view: string): void {
  if (view === '' || view.length > VIEW_LENGTH_MAX || BAD_VIEW.test(view)) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(view)} cannot name a view: use 1 to ${VIEW_LENGTH_MAX} characters without braces and control characters`,
    );
  }
}

/** Errors: INVALID_ARGUMENT. */
export function checkBatch({ view, epoch, batchId, ttlSeconds }: ViewBatch): void {
  checkView(view);
  for (const [name, value] of Object.entries({ epoch, batchId, ttlSeconds })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new QuarryError('INVALID_ARGUMENT', `${name} of a view's batch is a whole number, not ${value}`);
    }
  }
}

/** The entries by key; the last of equal fields stays. Errors: INVALID_ARGUMENT for NUL in a key or field. */
export function groupByKey(entries: ViewBatch['entries']): Map<string, Map<string, string>> {
  const groups = new Map<string, Map<string, string>>();
  for (const { key, field, value } of entries) {
    if (key.includes('\0') || field.includes('\0')) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `a view's key or field has a NUL: ${JSON.stringify([key, field])}`,
      );
    }
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = new Map()));
    group.set(field, String(value));
  }
  return groups;
}

export function fencedView(view: string, epoch: number, seen: number): QuarryError {
  return new QuarryError(
    'FENCED',
    `view ${view} has seen epoch ${seen}: this writer of epoch ${epoch} was replaced and must stop`,
    { details: { view, epoch, seen } },
  );
}
