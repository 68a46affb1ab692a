import type { Duplex } from 'node:stream';
import type { Config } from '../../common/config.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Seams } from '../../common/seams/seams.ts';
import { Wire } from '../../common/transfer/wire.ts';
import type { BlockStore, Replica } from '../store/block-store.ts';
import { PacketBuffers } from './packet-buffers.ts';
import { serveConnection, type StreamGate } from './connection.ts';

const CLOSE_WAIT_MS = 3_000;

export interface TransferEvent {
  /** RECEIVING: opened for writing. RECEIVED: finalized, durable. CORRUPT: its bytes did not match their checksums when they were read. */
  readonly kind: 'RECEIVING' | 'RECEIVED' | 'CORRUPT';
  readonly replica: Replica;
}

/** What the exchanges of one server share. */
export interface TransferContext {
  readonly seams: Pick<Seams, 'net' | 'clock' | 'log'>;
  readonly config: Config;
  readonly store: BlockStore;
  readonly nodeId: string;
  /** `blockPoolId(clusterId)`; requests for another pool are refused. A call, because the first registration brings the cluster's id. */
  readonly poolId: () => string;
  /** Called at once, before the peer gets its answer. */
  readonly onReplica: (event: TransferEvent) => void;
  readonly packetBuffers: PacketBuffers;
}

export interface DataServerOptions extends Omit<TransferContext, 'packetBuffers'> {
  /** host:port; port 0 picks a free one. */
  readonly listenAddress: string;
  /** Path of a Unix socket for clients of this host, '' for none. */
  readonly unixSocket: string;
}

export interface DataServer {
  /** The bound host:port. */
  readonly address: string;
  /** Blocks being written, read or copied through this server at the moment. */
  activeStreams(): number;
  /** Ends every connection; replicas that are being written stay as they are. */
  close(): Promise<void>;
}

/** Serves the data port: DataTransferProtocol over TCP, and over a Unix socket. Errors: PORT_IN_USE. */
export async function startDataServer(options: DataServerOptions): Promise<DataServer> {
  const { seams } = options;
  const context = { ...options, packetBuffers: new PacketBuffers(options.config['client.packetBytes']) };
  const serving = new Map<Wire, Promise<void>>();
  let active = 0;
  const gate: StreamGate = {
    tryEnter: (limit) => {
      if (active >= limit) return false;
      active++;
      return true;
    },
    leave: () => {
      active--;
    },
  };
  const accept = (stream: Duplex) => {
    const wire = new Wire(stream, seams.clock);
    const served = serveConnection(wire, context, gate)
      .catch((thrown: unknown) => {
        wire.destroy();
        const error = QuarryError.from(thrown);
        // A peer that leaves or talks nonsense is its own affair; what is not foreseen is ours.
        if (error.code === 'INTERNAL') seams.log.error({ err: error }, 'transfer.failed');
        else seams.log.debug({ code: error.code, reason: error.message }, 'transfer.ended');
      })
      .finally(() => {
        if (stream.destroyed) serving.delete(wire);
      });
    serving.set(wire, served);
    stream.once('close', () => void served.then(() => serving.delete(wire)));
  };
  const tcp = await seams.net.listen(options.listenAddress, accept);
  const listeners = [tcp];
  try {
    if (options.unixSocket !== '')
      listeners.push(await seams.net.listen(`unix:${options.unixSocket}`, accept));
  } catch (thrown) {
    await tcp.close();
    throw thrown;
  }
  return {
    address: tcp.address,
    activeStreams: () => active,
    async close() {
      for (const wire of serving.keys()) wire.destroy();
      await Promise.all(listeners.map((listener) => listener.close()));
      // A store that hangs must not keep the process.
      const waited = new AbortController();
      await Promise.race([Promise.all(serving.values()), seams.clock.sleep(CLOSE_WAIT_MS, waited.signal)]);
      waited.abort();
    },
  };
}
