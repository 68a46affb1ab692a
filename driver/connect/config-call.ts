import { QuarryError } from '../../common/quarry-error.ts';
import type { ConfigRequest } from '../../proto/gen/spark/connect/ConfigRequest.ts';
import type { ConfigResponseInput } from '../../proto/gen/spark/connect/ConfigResponse.ts';
import type { KeyValueInput } from '../../proto/gen/spark/connect/KeyValue.ts';
import { isModifiable, type SparkConf } from '../session/spark-conf.ts';

/** Reads and changes a session's settings. */
export function configCall(request: ConfigRequest, conf: SparkConf): ConfigResponseInput {
  const operation = request.operation;
  switch (operation?.opType) {
    case 'set':
      return {
        warnings: operation.set!.pairs.flatMap((pair) => set(conf, pair, operation.set!.silent ?? false)),
      };
    case 'get':
      return { pairs: operation.get!.keys.map((key) => ({ key, value: conf.get(key) })) };
    case 'getWithDefault':
      // What was set, else the caller's default: it wins over Spark's own, as in Spark.
      return {
        pairs: operation.getWithDefault!.pairs.map(({ key, value }) =>
          pairOf(key, conf.changed().get(key) ?? value ?? conf.find(key)),
        ),
      };
    case 'getOption':
      return { pairs: operation.getOption!.keys.map((key) => pairOf(key, conf.find(key))) };
    case 'getAll':
      return { pairs: conf.all(operation.getAll!.prefix).map(([key, value]) => ({ key, value })) };
    case 'unset':
      for (const key of operation.unset!.keys) conf.unset(key);
      return { pairs: operation.unset!.keys.map((key) => ({ key })) };
    case 'isModifiable':
      return {
        pairs: operation.isModifiable!.keys.map((key) => ({ key, value: String(isModifiable(key)) })),
      };
    default:
      throw new QuarryError('INVALID_ARGUMENT', 'the configuration request has no operation');
  }
}

function set(conf: SparkConf, { key, value }: KeyValueInput, isSilent: boolean): string[] {
  try {
    conf.set(key ?? '', value ?? '');
    return [];
  } catch (thrown) {
    if (!isSilent || !(thrown instanceof QuarryError)) throw thrown;
    return [thrown.message];
  }
}

function pairOf(key: string, value: string | undefined): KeyValueInput {
  return value === undefined ? { key } : { key, value };
}
