import { QuarryError } from '../../common/quarry-error.ts';
import { viewsService } from '../../common/rpc/services.ts';
import type { RpcServer } from '../../common/seams/rpc.ts';
import type { BeginTableWriteRequest } from '../../proto/gen/quarry/BeginTableWriteRequest.ts';
import type { CommitViewRequest } from '../../proto/gen/quarry/CommitViewRequest.ts';
import type { ReadTableRequest } from '../../proto/gen/quarry/ReadTableRequest.ts';
import type { ReadTableReplyInput } from '../../proto/gen/quarry/ReadTableReply.ts';
import type { ViewBatch } from '../../sinks/key-value-view.ts';
import type { CellText } from '../../sinks/quarry/row-text.ts';
import { keyOfMessage } from '../../sinks/quarry/write-key-message.ts';
import type { TableWrite } from '../../sinks/table-store.ts';
import type { Tables } from './tables.ts';
import type { ViewStore } from './view-store.ts';

const MODES = ['append', 'overwrite', 'errorifexists', 'ignore'] as const;

/** The calls of ViewsService. */
export function serveViews(server: RpcServer, views: ViewStore, tables: Tables): void {
  const service = viewsService();
  server.handle(service.CommitView, async (request) => {
    const outcome = await views.commit(batchOf(request));
    const marker = outcome.kind === 'written' ? request : outcome.marker;
    return {
      outcome: outcome.kind,
      marker: marker === undefined ? null : { epoch: marker.epoch, batchId: marker.batchId },
    };
  });
  server.handle(service.ReadViewMarker, async ({ view }) => ({ marker: (await views.marker(view)) ?? null }));
  server.handle(service.ReadView, async ({ view, keys }) => {
    const found = await views.read(view, keys);
    return {
      values: [...found].map(([key, fields]) => ({
        key,
        fields: [...fields.keys()],
        values: [...fields.values()],
      })),
    };
  });
  server.handle(service.ListViewKeys, async ({ view, from, until }) => ({
    keys: await views.keys(view, from, until),
  }));
  server.handle(service.ListViews, async () => ({ views: await views.views() }));
  server.handle(service.DropView, async ({ view }) => {
    await views.drop(view);
    return {};
  });
  server.handle(service.BeginTableWrite, (request) =>
    tables.begin(request.database, writeOf(request), request.writeId),
  );
  server.handle(service.WriteTableRows, async ({ writeId, sequence, rows }) => {
    await tables.add(writeId, sequence, rows);
    return {};
  });
  server.handle(service.CommitTableWrite, ({ writeId, sequenceEnd }) => tables.commit(writeId, sequenceEnd));
  server.handle(service.AbortTableWrite, async ({ writeId }) => {
    await tables.abort(writeId);
    return {};
  });
  server.handle(service.FindTableWrite, async ({ database, table, key }) => {
    const wanted = keyOfMessage(key);
    if (wanted === undefined) throw new QuarryError('INVALID_ARGUMENT', 'the request names no key');
    const marker = await tables.find(database, table, wanted);
    return { writeId: marker?.attempt ?? '', rowCount: marker?.rowCount ?? 0 };
  });
  server.handleStream(service.ReadTable, (request) => readTable(request, tables));
}

function batchOf({ view, epoch, batchId, ttlSeconds, values }: CommitViewRequest): ViewBatch {
  const entries = values.flatMap(({ key, fields, values: texts }) => {
    if (fields.length !== texts.length) {
      throw new QuarryError('INVALID_ARGUMENT', 'a batch has not as many fields as values');
    }
    return fields.map((field, at) => ({ key, field, value: texts[at]! }));
  });
  return { view, epoch, batchId, ttlSeconds, entries };
}

function writeOf(request: BeginTableWriteRequest): TableWrite {
  const mode = MODES.find((known) => known === request.mode);
  if (mode === undefined) throw new QuarryError('INVALID_ARGUMENT', `there is no mode ${request.mode}`);
  return {
    table: request.table,
    columns: request.columns,
    mode,
    truncate: request.truncate,
    key: keyOfMessage(request.key),
    replaceKeys: request.replaceKeys,
    // Rows come in messages; how many one INSERT takes is the kernel's affair.
    batchRows: 1,
  };
}

async function* readTable(
  { database, sql, parameters }: ReadTableRequest,
  tables: Tables,
): AsyncGenerator<ReadTableReplyInput, void, undefined> {
  const values = parameters.length === 0 ? [] : (JSON.parse(parameters.toString()) as CellText[]);
  for await (const { columns, rows } of tables.read(database, sql, values)) {
    yield { columns, rows: Buffer.from(JSON.stringify(rows)) };
  }
}
