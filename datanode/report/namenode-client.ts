import { datanodeReportService } from '../../common/rpc/services.ts';
import type { RpcClient } from '../../common/seams/rpc.ts';
import type { BlockReportRequestInput } from '../../proto/gen/quarry/BlockReportRequest.ts';
import type { CommitBlockSyncRequestInput } from '../../proto/gen/quarry/CommitBlockSyncRequest.ts';
import type { HeartbeatReply } from '../../proto/gen/quarry/HeartbeatReply.ts';
import type { HeartbeatRequestInput } from '../../proto/gen/quarry/HeartbeatRequest.ts';
import type { IncrementalReportRequestInput } from '../../proto/gen/quarry/IncrementalReportRequest.ts';
import type { RegisterReply } from '../../proto/gen/quarry/RegisterReply.ts';
import type { RegisterRequestInput } from '../../proto/gen/quarry/RegisterRequest.ts';
import type { ReportReply } from '../../proto/gen/quarry/ReportReply.ts';

const HEARTBEAT_TIMEOUT_MS = 2_000;
const CALL_TIMEOUT_MS = 10_000;

/** The namenode as a datanode calls it. Errors of each call: those of RpcClient, NOT_REGISTERED. */
export class NamenodeClient {
  readonly #rpc: RpcClient;
  readonly #address: string;
  readonly #signal: AbortSignal;

  constructor(rpc: RpcClient, address: string, signal: AbortSignal) {
    this.#rpc = rpc;
    this.#address = address;
    this.#signal = signal;
  }

  register(request: RegisterRequestInput): Promise<RegisterReply> {
    return this.#rpc.call(this.#address, datanodeReportService().Register, request, this.#options());
  }

  heartbeat(request: HeartbeatRequestInput): Promise<HeartbeatReply> {
    const options = this.#options(HEARTBEAT_TIMEOUT_MS);
    return this.#rpc.call(this.#address, datanodeReportService().Heartbeat, request, options);
  }

  incrementalReport(request: IncrementalReportRequestInput): Promise<ReportReply> {
    return this.#rpc.call(this.#address, datanodeReportService().IncrementalReport, request, this.#options());
  }

  blockReport(request: BlockReportRequestInput): Promise<ReportReply> {
    return this.#rpc.call(this.#address, datanodeReportService().BlockReport, request, this.#options());
  }

  commitBlockSync(request: CommitBlockSyncRequestInput): Promise<ReportReply> {
    return this.#rpc.call(this.#address, datanodeReportService().CommitBlockSync, request, this.#options());
  }

  #options(timeoutMs = CALL_TIMEOUT_MS) {
    return { timeoutMs, signal: this.#signal };
  }
}
