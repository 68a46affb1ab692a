import type { QueryContext } from '../schedule/query-runner.ts';
import { dataTypeMessage } from './data-type.ts';
import type { ResponseBody } from './operation.ts';
import type { Result } from './result.ts';

/** The schema comes first, so that a client can show it before there are rows. */
export async function* resultResponses(
  result: Result,
  context: QueryContext,
): AsyncGenerator<ResponseBody, void, undefined> {
  yield { schema: dataTypeMessage(result.schema) };
  let startOffset = 0;
  for await (const { arrowIpc, rowCount } of result.run(context)) {
    yield { arrowBatch: { rowCount, data: arrowIpc, startOffset } };
    startOffset += rowCount;
  }
}
