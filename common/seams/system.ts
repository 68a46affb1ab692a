import { GrpcClient } from '../rpc/grpc-client.ts';
import { GrpcServer } from '../rpc/grpc-server.ts';
import type { Logger } from '../log.ts';
import { SystemClock } from './clock.ts';
import { SystemRandom } from './random.ts';
import type { Seams } from './seams.ts';
import { SystemDisk } from './system-disk.ts';
import { SystemNet } from './system-net.ts';

/** The real world, with `directory` as the process's disk. */
export function systemSeams(directory: string, log: Logger): Seams {
  return {
    clock: new SystemClock(),
    random: new SystemRandom(),
    net: new SystemNet(),
    rpc: { client: new GrpcClient(), createServer: () => new GrpcServer(log) },
    disk: new SystemDisk(directory),
    proc: {
      pid: process.pid,
      abort(reason, cause) {
        log.fatal({ err: cause }, reason);
        process.abort();
      },
    },
    log,
  };
}
