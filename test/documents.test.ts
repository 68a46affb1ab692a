import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configDocument, errorDocument } from '../scripts/documents.ts';

const docs = join(import.meta.dirname, '../docs');

describe('generated documents (npm run generate:docs)', () => {
  it.each([
    ['config.md', configDocument],
    ['errors.md', errorDocument],
  ])('%s says what the code says', (name, make) => {
    expect(readFileSync(join(docs, name), 'utf8')).toBe(make());
  });
});
