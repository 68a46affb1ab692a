import type { StoredWriteKey, StoredWriteKeyInput } from '../../proto/gen/quarry/StoredWriteKey.ts';
import type { WriteKey } from '../table-store.ts';

export function keyMessage(key: WriteKey | undefined): StoredWriteKeyInput {
  return key ?? { kind: '' };
}

export function keyOfMessage(message: StoredWriteKey | null): WriteKey | undefined {
  switch (message?.kind) {
    case 'run': {
      const { dag, task, runId, ordinal, name } = message;
      return { kind: 'run', dag, task, runId, ordinal, ...(name === '' ? {} : { name }) };
    }
    case 'stream': {
      const { queryId, epoch, batchId } = message;
      return { kind: 'stream', queryId, epoch, batchId };
    }
    default:
      return undefined;
  }
}
