import { QuarryError } from '../../common/quarry-error.ts';
import type { Any } from '../../proto/gen/google/protobuf/Any.ts';
import type { StructType } from '../plan/spark-type.ts';
import type { QueryBatch, QueryContext } from '../schedule/query-runner.ts';
import type { Result } from './result.ts';

/** Runs messages of one type that travel as google.protobuf.Any in `Relation.extension` and `Command.extension`. */
export interface ExtensionHandler {
  readonly schema: StructType;
  run(message: Buffer, context: QueryContext): AsyncIterable<QueryBatch>;
}

/** Handlers by the type URL of their messages. */
export class ExtensionTable {
  readonly #handlers: ReadonlyMap<string, ExtensionHandler>;

  constructor(handlers: Iterable<readonly [typeUrl: string, handler: ExtensionHandler]> = []) {
    this.#handlers = new Map(handlers);
  }

  /** Errors: UNSUPPORTED for a message nobody takes. */
  open(message: Any): Result {
    const handler = this.#handlers.get(message.type_url);
    if (handler === undefined) {
      throw new QuarryError('UNSUPPORTED', `no handler takes extension messages of type ${message.type_url}`);
    }
    return { schema: handler.schema, run: (context) => handler.run(message.value, context) };
  }
}
