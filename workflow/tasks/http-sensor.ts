import { hasCode } from '../../common/quarry-error.ts';
import type { HttpSensor } from '../core/dag-model.ts';
import { request } from './http-task.ts';

const TIMEOUT_MS = 30_000;

export function lookAtUrl({ url, headers, expectedStatus }: HttpSensor): () => Promise<boolean> {
  console.log(`waiting for ${url} to answer ${expectedStatus.join(' or ')}`);
  return async () => {
    try {
      const answer = await request(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      await answer.arrayBuffer();
      return expectedStatus.includes(answer.status);
    } catch (thrown) {
      if (!hasCode(thrown, 'PEER_UNREACHABLE')) throw thrown;
      console.log(thrown.message);
      return false;
    }
  };
}
