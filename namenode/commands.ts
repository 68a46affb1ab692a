import type { AbandonBlockRequest } from '../proto/gen/quarry/AbandonBlockRequest.ts';
import type { AddBlockRequest } from '../proto/gen/quarry/AddBlockRequest.ts';
import type { AdditionalDatanodeRequest } from '../proto/gen/quarry/AdditionalDatanodeRequest.ts';
import type { BlockReportRequest } from '../proto/gen/quarry/BlockReportRequest.ts';
import type { BoolReplyInput } from '../proto/gen/quarry/BoolReply.ts';
import type { CommitBlockSyncRequest } from '../proto/gen/quarry/CommitBlockSyncRequest.ts';
import type { CompleteReplyInput } from '../proto/gen/quarry/CompleteReply.ts';
import type { CompleteRequest } from '../proto/gen/quarry/CompleteRequest.ts';
import type { CreateReplyInput } from '../proto/gen/quarry/CreateReply.ts';
import type { CreateRequest } from '../proto/gen/quarry/CreateRequest.ts';
import type { DeleteRequest } from '../proto/gen/quarry/DeleteRequest.ts';
import type { FsyncRequest } from '../proto/gen/quarry/FsyncRequest.ts';
import type { HeartbeatReplyInput } from '../proto/gen/quarry/HeartbeatReply.ts';
import type { HeartbeatRequest } from '../proto/gen/quarry/HeartbeatRequest.ts';
import type { IncrementalReportRequest } from '../proto/gen/quarry/IncrementalReportRequest.ts';
import type { LocatedBlockInput } from '../proto/gen/quarry/LocatedBlock.ts';
import type { MkdirsRequest } from '../proto/gen/quarry/MkdirsRequest.ts';
import type { PublishReplyInput } from '../proto/gen/quarry/PublishReply.ts';
import type { PublishRequest } from '../proto/gen/quarry/PublishRequest.ts';
import type { RecoverLeaseRequest } from '../proto/gen/quarry/RecoverLeaseRequest.ts';
import type { RegisterReplyInput } from '../proto/gen/quarry/RegisterReply.ts';
import type { RegisterRequest } from '../proto/gen/quarry/RegisterRequest.ts';
import type { RenameRequest } from '../proto/gen/quarry/RenameRequest.ts';
import type { RenewLeaseRequest } from '../proto/gen/quarry/RenewLeaseRequest.ts';
import type { ReportBadBlocksRequest } from '../proto/gen/quarry/ReportBadBlocksRequest.ts';
import type { ReportReplyInput } from '../proto/gen/quarry/ReportReply.ts';
import type { SafeModeReplyInput } from '../proto/gen/quarry/SafeModeReply.ts';
import type { SafeModeRequest } from '../proto/gen/quarry/SafeModeRequest.ts';
import type { SetOwnerRequest } from '../proto/gen/quarry/SetOwnerRequest.ts';
import type { SetPermissionRequest } from '../proto/gen/quarry/SetPermissionRequest.ts';
import type { SetReplicationRequest } from '../proto/gen/quarry/SetReplicationRequest.ts';
import type { SetTimesRequest } from '../proto/gen/quarry/SetTimesRequest.ts';
import type { UpdateBlockRequest } from '../proto/gen/quarry/UpdateBlockRequest.ts';
import type { UpdatePipelineRequest } from '../proto/gen/quarry/UpdatePipelineRequest.ts';
import type { QuarryError } from '../common/quarry-error.ts';
import type { Order } from './blocks/order-book.ts';

interface Io<Request, Reply> {
  readonly request: Request;
  readonly reply: Reply;
}

/** Takes further steps of a deletion: children `names` of a detached directory, or blocks of a detached file. */
export interface ReapRequest {
  readonly inodeId: number;
  readonly names: readonly string[];
}

/** Everything that changes the namenode's state, by name. Doors build these; the core executes them one after another. */
export interface Commands {
  mkdirs: Io<MkdirsRequest, BoolReplyInput>;
  create: Io<CreateRequest, CreateReplyInput>;
  addBlock: Io<AddBlockRequest, LocatedBlockInput>;
  abandonBlock: Io<AbandonBlockRequest, BoolReplyInput>;
  complete: Io<CompleteRequest, CompleteReplyInput>;
  fsync: Io<FsyncRequest, BoolReplyInput>;
  rename: Io<RenameRequest, BoolReplyInput>;
  delete: Io<DeleteRequest, BoolReplyInput>;
  publish: Io<PublishRequest, PublishReplyInput>;
  setReplication: Io<SetReplicationRequest, BoolReplyInput>;
  setPermission: Io<SetPermissionRequest, BoolReplyInput>;
  setOwner: Io<SetOwnerRequest, BoolReplyInput>;
  setTimes: Io<SetTimesRequest, BoolReplyInput>;
  renewLease: Io<RenewLeaseRequest, BoolReplyInput>;
  recoverLease: Io<RecoverLeaseRequest, BoolReplyInput>;
  updateBlockForPipeline: Io<UpdateBlockRequest, LocatedBlockInput>;
  updatePipeline: Io<UpdatePipelineRequest, BoolReplyInput>;
  getAdditionalDatanode: Io<AdditionalDatanodeRequest, LocatedBlockInput>;
  reportBadBlocks: Io<ReportBadBlocksRequest, BoolReplyInput>;
  setSafeMode: Io<SafeModeRequest, SafeModeReplyInput>;
  register: Io<RegisterRequest, RegisterReplyInput>;
  heartbeat: Io<HeartbeatRequest, HeartbeatReplyInput>;
  blockReport: Io<BlockReportRequest, ReportReplyInput>;
  incrementalReport: Io<IncrementalReportRequest, ReportReplyInput>;
  commitBlockSync: Io<CommitBlockSyncRequest, ReportReplyInput>;
  reap: Io<ReapRequest, { readonly more: boolean }>;
  tick: Io<Record<never, never>, Record<never, never>>;
}

export type CommandKind = keyof Commands;
export type RequestOf<K extends CommandKind> = Commands[K]['request'];
export type ReplyOf<K extends CommandKind> = Commands[K]['reply'];
export interface Command<K extends CommandKind> {
  readonly kind: K;
  readonly request: RequestOf<K>;
}

/** What a command did. The edits are in the pending state already; the answer leaves when they are durable. */
export interface Outcome<Reply> {
  readonly reply: Reply | undefined;
  readonly error: QuarryError | undefined;
  /** How many records it changed. */
  readonly edits: number;
  readonly orders: readonly Order[];
  /** Inodes whose blocks became more durable. */
  readonly wake: readonly number[];
}
