import { FileSystem } from '../client/fs/file-system.ts';
import { RDD_PLAN_TYPE_URL } from '../common/rdd/rdd-plan.ts';
import type { StartRole } from '../common/role.ts';
import { analyzerPlanner } from './connect/analyzer-planner.ts';
import { ConnectServer } from './connect/connect-server.ts';
import { ConnectService } from './connect/connect-service.ts';
import { explainString } from './connect/explain-string.ts';
import { ExtensionTable } from './connect/extensions.ts';
import { warmUp } from './connect/warm-up.ts';
import { serveJobs } from './http/http-door.ts';
import { RddExtension } from './rdd/rdd-extension.ts';
import { startCompute } from './schedule/start-compute.ts';
import { SessionTable } from './session/session-table.ts';
import { StreamEngine } from './stream/stream-engine.ts';
import { TableWriter } from './tables/table-writer.ts';

/** The driver as a process: Spark Connect for clients, gRPC for executors, HTTP for people. Errors: PORT_IN_USE. */
export const start: StartRole = async (options, config, seams) => {
  const host = config['bind.host'];
  const fileSystem = await FileSystem.connect({ namenodeAddress: options.namenodeAddress, config, seams });
  const executorDoor = seams.rpc.createServer();
  const compute = startCompute({ config, seams, fileSystem, server: executorDoor });
  const streams = new StreamEngine({
    compute,
    fileSystem,
    config,
    seams,
    explain: ({ plan }, extended) => explainString(plan, extended),
  });
  const sessions = new SessionTable({
    clock: seams.clock,
    resolveFiles: (source) => compute.files.resolve(source),
    isBusy: (session) => streams.active(session.sessionId).length > 0,
    onClosed: (session) => {
      streams.closeSession(session.sessionId).catch((thrown: unknown) => {
        seams.log.warn({ err: thrown, session: session.sessionId }, 'streams.not-closed');
      });
    },
  });
  const rdd = new RddExtension({ compute, fileSystem, config, seams });
  const service = new ConnectService({
    sessions,
    clock: seams.clock,
    planner: analyzerPlanner,
    queries: compute.queries,
    extensions: new ExtensionTable([[RDD_PLAN_TYPE_URL, rdd]]),
    streams: {
      queries: streams,
      connectAddress: () => connectAddress,
      print: (text) => void process.stdout.write(text),
    },
    tables: new TableWriter({
      queries: compute.queries,
      notes: compute.notes,
      clock: seams.clock,
      log: seams.log,
    }),
  });
  const connect = new ConnectServer({
    service,
    log: seams.log,
    streamBytesMax: config['driver.connectStreamBytesMax'],
  });
  let connectAddress = '';
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    // Sessions first: their executions end, and with them the streams that a graceful end would wait for.
    sessions.close();
    await streams.close();
    await Promise.all(opened.map((door) => door.close()));
    await compute.close();
    await fileSystem.close();
  };
  try {
    const grpc = await executorDoor.listen(`${host}:${config['driver.grpcPort']}`);
    opened.push(executorDoor);
    connectAddress = await connect.listen(`${host}:${config['driver.connectPort']}`);
    opened.push(connect);
    const http = await serveJobs(
      { ...compute, streams: () => streams.all() },
      host,
      config['driver.httpPort'],
    );
    opened.push(http);
    const warming = warmUp(seams.clock);
    opened.push({ close: async () => warming.cancel() });
    return { addresses: { connect: connectAddress, grpc, http: http.address }, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
};
