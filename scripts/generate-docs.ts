// Writes docs/config.md and docs/errors.md from the tables in common/; a test fails when they are stale.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDocument, errorDocument } from './documents.ts';

const docs = join(import.meta.dirname, '../docs');
writeFileSync(join(docs, 'config.md'), configDocument());
writeFileSync(join(docs, 'errors.md'), errorDocument());
