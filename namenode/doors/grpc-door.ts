import { datanodeReportService, namenodeService } from '../../common/rpc/services.ts';
import type { Method, RpcServer } from '../../common/seams/rpc.ts';
import type { CommandKind, ReplyOf, RequestOf } from '../commands.ts';
import type { CommandShell } from '../command-shell.ts';
import { getBlockLocations, getFileInfo, list } from '../queries.ts';
import { fsck, getContentSummary, getStatus } from '../status-queries.ts';

/** Clients and datanodes on one port. The door decodes, calls the core and encodes; it decides nothing. */
export function serveGrpc(rpc: RpcServer, server: CommandShell): void {
  const command = <K extends CommandKind>(
    method: Method<never, ReplyOf<K>, RequestOf<K>, unknown>,
    kind: K,
  ): void => rpc.handle(method, (request) => server.execute(kind, request));

  const clients = namenodeService();
  rpc.handle(clients.GetFileInfo, (request) =>
    server.query('getFileInfo', (state) => getFileInfo(state, request)),
  );
  rpc.handle(clients.List, (request) => server.query('list', (state) => list(state, request)));
  rpc.handle(clients.GetBlockLocations, (request) =>
    server.query('getBlockLocations', (state) => getBlockLocations(state, request)),
  );
  rpc.handle(clients.GetContentSummary, (request) =>
    server.query('getContentSummary', (state) => getContentSummary(state, request)),
  );
  rpc.handle(clients.Fsck, (request) => server.query('fsck', (state) => fsck(state, request)));
  rpc.handle(clients.GetStatus, () => server.query('getStatus', (state, monoMs) => getStatus(state, monoMs)));
  rpc.handle(clients.Complete, (request, call) => server.complete(request, call.signal));
  command(clients.Mkdirs, 'mkdirs');
  command(clients.Create, 'create');
  command(clients.AddBlock, 'addBlock');
  command(clients.AbandonBlock, 'abandonBlock');
  command(clients.Fsync, 'fsync');
  command(clients.Rename, 'rename');
  command(clients.Delete, 'delete');
  command(clients.Publish, 'publish');
  command(clients.SetReplication, 'setReplication');
  command(clients.SetPermission, 'setPermission');
  command(clients.SetOwner, 'setOwner');
  command(clients.SetTimes, 'setTimes');
  command(clients.RenewLease, 'renewLease');
  command(clients.RecoverLease, 'recoverLease');
  command(clients.UpdateBlockForPipeline, 'updateBlockForPipeline');
  command(clients.UpdatePipeline, 'updatePipeline');
  command(clients.GetAdditionalDatanode, 'getAdditionalDatanode');
  command(clients.ReportBadBlocks, 'reportBadBlocks');
  command(clients.SetSafeMode, 'setSafeMode');

  const datanodes = datanodeReportService();
  command(datanodes.Register, 'register');
  command(datanodes.Heartbeat, 'heartbeat');
  command(datanodes.BlockReport, 'blockReport');
  command(datanodes.IncrementalReport, 'incrementalReport');
  command(datanodes.CommitBlockSync, 'commitBlockSync');
}
