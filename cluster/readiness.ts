import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReply } from '../proto/gen/quarry/StatusReply.ts';
import { QuarryError } from '../common/quarry-error.ts';
import { GrpcClient } from '../common/rpc/grpc-client.ts';
import { namenodeService } from '../common/rpc/services.ts';
import type { RpcClient } from '../common/seams/rpc.ts';

const POLL_MS = 20;
const CALL_TIMEOUT_MS = 2_000;

/** The namenode's own account of the cluster. */
export function namenodeStatus(client: RpcClient, namenodeAddress: string): Promise<StatusReply> {
  return client.call(namenodeAddress, namenodeService().GetStatus, {}, { timeoutMs: CALL_TIMEOUT_MS });
}

/** Waits until the namenode takes writes and knows that `nodes` datanodes live. Errors: SAFE_MODE or NOT_ENOUGH_DATANODES when the time is up. */
export async function awaitServing(namenodeAddress: string, nodes: number, timeoutMs: number): Promise<void> {
  const client = new GrpcClient();
  const deadlineMs = performance.now() + timeoutMs;
  try {
    for (;;) {
      const status = await namenodeStatus(client, namenodeAddress);
      const live = status.datanodes.filter((node) => node.state === 'live').length;
      if (!status.safeMode && live >= nodes) return;
      if (performance.now() > deadlineMs) {
        throw status.safeMode
          ? new QuarryError('SAFE_MODE', `the namenode stays in safe mode: ${status.safeModeReason}`)
          : new QuarryError(
              'NOT_ENOUGH_DATANODES',
              `only ${live} of ${nodes} datanodes registered: see their logs`,
            );
      }
      await sleep(POLL_MS);
    }
  } finally {
    await client.close();
  }
}
