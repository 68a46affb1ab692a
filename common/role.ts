import { checkBindHost } from './bind-host.ts';
import { type Config, resolveConfig } from './config.ts';
import { createLog } from './log.ts';
import { QuarryError, type WireError } from './quarry-error.ts';
import type { Seams } from './seams/seams.ts';
import { systemSeams } from './seams/system.ts';

/** What the launcher tells a role's process: one IPC message, or JSON in the first argument when started by hand. */
export interface RoleOptions {
  /** namenode, driver, dn1, ex1: the name in cluster.json and of the log file. */
  readonly name: string;
  /** The role's own directory. */
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
  /** host:port of the namenode's gRPC door; '' for the namenode itself. */
  readonly namenodeAddress: string;
  /** host:port where executors register; '' but for executors. */
  readonly driverAddress: string;
  /** The node's label: the datanode's id, shared by the executor beside it. */
  readonly node: string;
  /** Path of the datanode's Unix socket, or ''. */
  readonly unixSocket: string;
  /** What a service is told besides the configuration, by name: URLs of others, topics, globs. Each service's start.ts lists its own. */
  readonly service?: Readonly<Record<string, string>>;
  /** Told by a launcher that nobody outlives: the process closes and ends when its launcher has gone, however that ended. */
  readonly endsWithLauncher?: boolean;
}

export interface RunningRole {
  /** Bound addresses by door, host:port: grpc, http, data, connect. Only doors that are served. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Facts for cluster.json, such as the cluster's id. */
  readonly facts?: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export type StartRole = (options: RoleOptions, config: Config, seams: Seams) => Promise<RunningRole>;

/** What a role's process tells the launcher over IPC: once, when it serves or cannot. */
export type RoleMessage =
  | {
      readonly kind: 'ready';
      readonly addresses: Record<string, string>;
      readonly facts: Record<string, string>;
    }
  | { readonly kind: 'failed'; readonly error: WireError };

const CLOSE_MS_MAX = 8_000;

/** The whole life of a role's process: start, say so, serve until SIGTERM or SIGINT, close, exit 0. */
export async function runRole(role: string, start: StartRole): Promise<void> {
  try {
    const options = await receiveOptions();
    const config = resolveConfig(options.settings);
    checkBindHost(config['bind.host']);
    const log = createLog(role, options.name, config['log.level']);
    process.on('unhandledRejection', (thrown) => {
      // A promise nobody waits for has failed: the state is unknown, so no more requests are answered from it.
      log.fatal({ err: thrown }, 'process.unhandled-rejection');
      process.exit(70);
    });
    const running = await start(options, config, systemSeams(options.directory, log));
    let closing = false;
    const stop = () => {
      if (closing) return;
      closing = true;
      running.close().then(
        () => process.exit(0),
        (thrown: unknown) => {
          log.error({ err: thrown }, 'process.close-failed');
          process.exit(1);
        },
      );
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    log.info({ addresses: running.addresses, pid: process.pid }, 'process.ready');
    const ready = {
      kind: 'ready' as const,
      addresses: { ...running.addresses },
      facts: { ...running.facts },
    };
    if (options.endsWithLauncher === true) {
      endWithLauncher(stop);
      process.send?.(ready);
    } else tell(ready);
  } catch (thrown) {
    const error = QuarryError.from(thrown);
    console.error(error.code === 'INTERNAL' ? error.stack : `${error.code}: ${error.message}`);
    tell({ kind: 'failed', error: error.toWire() }, () => process.exit(1));
  }
}

/** The channel stays open: the system closes it when the launcher has gone, also by kill -9. */
function endWithLauncher(stop: () => void): void {
  process.removeAllListeners('disconnect');
  process.once('disconnect', () => {
    stop();
    // Peers go at the same time, and nobody is there to lose patience.
    setTimeout(() => process.exit(1), CLOSE_MS_MAX).unref();
  });
  process.channel?.unref();
}

/** The launcher starts every process at once and sends each its options when the addresses in them are known. */
function receiveOptions(): Promise<RoleOptions> {
  const argument = process.argv[2];
  if (argument !== undefined) return Promise.resolve(JSON.parse(argument) as RoleOptions);
  if (process.send === undefined) {
    throw new QuarryError('INVALID_ARGUMENT', 'this process is started by quarry cluster start');
  }
  return new Promise((resolve) => {
    process.once('message', (message) => resolve(message as RoleOptions));
    // The launcher has gone before it said what to do.
    process.once('disconnect', () => process.exit(1));
  });
}

function tell(message: RoleMessage, then: () => void = () => undefined): void {
  if (process.send === undefined) then();
  else
    process.send(message, undefined, undefined, () => {
      // The launcher may leave (--detach); an open channel would keep the two tied together.
      process.removeAllListeners('disconnect');
      if (process.connected) process.disconnect();
      then();
    });
}
