import { assert } from '../../../common/assert.ts';
import { hasCode } from '../../../common/quarry-error.ts';
import type { AnalyzerContext, ResolvedFiles, ResolvedLog } from '../analyzer-context.ts';
import { analysisError, unsupported } from '../errors.ts';
import type { UnresolvedExpression, UnresolvedNode, UnresolvedRelation } from '../unresolved.ts';
import { decodeLocalRows } from './local-rows.ts';
import type { LocalRows } from './source-table.ts';
import { isLogFormat } from './stream-sources.ts';

type Read = Extract<UnresolvedNode, { kind: 'read' }>;
type Sql = Extract<UnresolvedNode, { kind: 'sql' }>;

/** The SQL parser, loaded on first use: it is megabytes of WASM that a cluster's start should not wait for. */
export interface SqlParser {
  query(text: string, parameters: Sql['parameters']): UnresolvedRelation;
  expression(text: string): UnresolvedExpression;
}

/** Everything a relation tree needs from outside, fetched before it is resolved: resolution itself waits for nothing. */
export class Sources {
  private readonly context: AnalyzerContext;
  private readonly loadParser: () => Promise<SqlParser>;
  private readonly resolvedFiles = new Map<object, ResolvedFiles>();
  private readonly resolvedLogs = new Map<object, ResolvedLog>();
  private readonly localRows = new Map<object, LocalRows>();
  private readonly queries = new Map<object, UnresolvedRelation>();
  private readonly expressions = new Map<string, UnresolvedExpression>();

  constructor(context: AnalyzerContext, loadParser: () => Promise<SqlParser>) {
    this.context = context;
    this.loadParser = loadParser;
  }

  files(node: object): ResolvedFiles {
    return known(this.resolvedFiles.get(node));
  }

  log(node: object): ResolvedLog {
    return known(this.resolvedLogs.get(node));
  }

  rows(node: object): LocalRows {
    return known(this.localRows.get(node));
  }

  query(node: object): UnresolvedRelation {
    return known(this.queries.get(node));
  }

  expression(text: string): UnresolvedExpression {
    return known(this.expressions.get(text));
  }

  /** Walks a tree of relations and expressions and fetches what its nodes name. */
  async gather(node: unknown): Promise<void> {
    if (Array.isArray(node)) {
      for (const item of node) await this.gather(item);
      return;
    }
    if (typeof node !== 'object' || node === null || node instanceof Uint8Array) return;
    await this.fetch(node as UnresolvedRelation | UnresolvedExpression);
    for (const child of Object.values(node)) await this.gather(child);
  }

  private async fetch(node: UnresolvedRelation | UnresolvedExpression): Promise<void> {
    switch (node.kind) {
      case 'read':
        // A stream's source is looked at when the query starts, batch by batch.
        if (node.streaming === true) return;
        if (isLogFormat(node.format)) this.resolvedLogs.set(node, await this.context.resolveLog(node));
        else if (node.format === 'jdbc') await this.table(node);
        else if (!this.resolvedFiles.has(node)) this.resolvedFiles.set(node, await this.read(node));
        return;
      case 'local':
        this.localRows.set(node, await decodeLocalRows(node.arrowIpc, node.schema));
        return;
      case 'cached-local':
        this.localRows.set(node, await this.cached(node.hash));
        return;
      case 'chunked-local':
        this.localRows.set(node, await this.chunked(node.dataHashes, node.schemaHash));
        return;
      case 'sql':
        if (!this.queries.has(node)) {
          const parsed = (await this.loadParser()).query(node.text, node.parameters);
          this.queries.set(node, parsed);
          await this.gather(parsed);
        }
        return;
      case 'sql-text':
        if (!this.expressions.has(node.text)) {
          const parsed = (await this.loadParser()).expression(node.text);
          this.expressions.set(node.text, parsed);
          await this.gather(parsed);
        }
        return;
      default:
    }
  }

  /** Read once, however often the tree names it. */
  private async table(node: Read): Promise<void> {
    if (!this.localRows.has(node)) this.localRows.set(node, await this.context.resolveTable(node));
  }

  private async read(node: Read): Promise<ResolvedFiles> {
    if (node.format !== 'parquet') {
      throw unsupported(
        `Reading ${node.format || 'this format'}: ingest the files as Parquet first (quarry ingest). It`,
      );
    }
    try {
      return await this.context.resolveFiles({
        paths: node.paths,
        format: node.format,
        options: node.options,
      });
    } catch (error) {
      if (!hasCode(error, 'FILE_NOT_FOUND')) throw error;
      throw analysisError(
        'PATH_NOT_FOUND',
        `Path does not exist: ${error.details['path'] ?? node.paths.join(', ')}.`,
      );
    }
  }

  /** A cached relation is a serialised LocalRelation message. */
  private async cached(hash: string): Promise<LocalRows> {
    const { decodeLocalRelation } = await import('../decode/decode-local-relation.ts');
    const { data, schema } = decodeLocalRelation(await this.context.cachedLocalRelation(hash));
    return decodeLocalRows(data, schema);
  }

  /** Chunks are Arrow streams of the same schema, in order. */
  private async chunked(dataHashes: readonly string[], schemaHash: string): Promise<LocalRows> {
    const schema =
      schemaHash === ''
        ? undefined
        : Buffer.from(await this.context.cachedLocalRelation(schemaHash)).toString('utf8');
    const parts: LocalRows[] = [];
    for (const hash of dataHashes) {
      parts.push(await decodeLocalRows(await this.context.cachedLocalRelation(hash), schema));
    }
    if (parts.length === 0) return decodeLocalRows(undefined, schema);
    return { schema: parts[0]!.schema, rows: parts.flatMap((part) => [...part.rows]) };
  }
}

function known<T>(value: T | undefined): T {
  assert(value !== undefined, 'sources are gathered before a tree is resolved');
  return value;
}
