import { STREAMS_PER_DATANODE_MAX } from '../../common/limits.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { KEEP_ALIVE_MS } from '../../common/transfer/connection-pool.ts';
import {
  opBlockChecksum,
  opReadBlock,
  opTransferBlock,
  opWriteBlock,
} from '../../common/transfer/messages.ts';
import { OP, PROTOCOL_VERSION, protocolViolation } from '../../common/transfer/protocol.ts';
import type { Wire } from '../../common/transfer/wire.ts';
import { answerBlockChecksum } from './block-checksum.ts';
import { receiveBlock } from './block-receiver.ts';
import { sendBlock } from './block-sender.ts';
import type { TransferContext } from './data-server.ts';
import { answerTransfer } from './transfer-request.ts';
import { refuse } from './refusal.ts';

/** A client connects in order to ask at once. */
const FIRST_OPERATION_MS = 10_000;
const LINGER_MS = 2_000;
const SHORT_CIRCUIT_OPS: readonly number[] = [
  OP.REQUEST_SHORT_CIRCUIT_FDS,
  OP.RELEASE_SHORT_CIRCUIT_FDS,
  OP.REQUEST_SHORT_CIRCUIT_SHM,
];

/** Bounds how many exchanges run at once. */
export interface StreamGate {
  tryEnter(limit: number): boolean;
  leave(): void;
}

/** One client's connection: one exchange after another, until one needs its end or it is idle for too long. */
export async function serveConnection(wire: Wire, context: TransferContext, gate: StreamGate): Promise<void> {
  let again = true;
  for (let timeoutMs = FIRST_OPERATION_MS; again; timeoutMs = KEEP_ALIVE_MS) {
    const op = await nextOperation(wire, timeoutMs);
    if (op === undefined) break;
    const message = await wire.readDelimited(FIRST_OPERATION_MS);
    if (!gate.tryEnter(STREAMS_PER_DATANODE_MAX)) {
      refuse(
        wire,
        new QuarryError(
          'DISK_FAILED',
          `${context.nodeId} already serves ${STREAMS_PER_DATANODE_MAX} streams`,
        ),
      );
      break;
    }
    try {
      again = await exchange(wire, context, op, message);
    } finally {
      gate.leave();
    }
  }
  wire.endGracefully(LINGER_MS);
}

/** The next op code, undefined when the client has left or has nothing more to ask. */
async function nextOperation(wire: Wire, timeoutMs: number): Promise<number | undefined> {
  try {
    if (!(await wire.more(3, timeoutMs))) return undefined;
  } catch (thrown) {
    if (hasCode(thrown, 'DEADLINE')) return undefined;
    throw thrown;
  }
  const head = wire.take(3);
  if (head.readUInt16BE(0) !== PROTOCOL_VERSION) throw protocolViolation(`version ${head.readUInt16BE(0)}`);
  return head[2]!;
}

/** True when the connection is ready for another operation. */
async function exchange(wire: Wire, context: TransferContext, op: number, message: Buffer): Promise<boolean> {
  switch (op) {
    case OP.READ_BLOCK:
      return sendBlock(wire, context, opReadBlock.decode(message));
    case OP.WRITE_BLOCK:
      await receiveBlock(wire, context, opWriteBlock.decode(message));
      return false;
    case OP.TRANSFER_BLOCK:
      await answerTransfer(wire, context, opTransferBlock.decode(message));
      return true;
    case OP.BLOCK_CHECKSUM:
      await answerBlockChecksum(wire, context, opBlockChecksum.decode(message));
      return true;
    default:
      if (!SHORT_CIRCUIT_OPS.includes(op)) throw protocolViolation(`op ${op}`);
      // Blocks are not files of this host: there is no descriptor to pass.
      refuse(
        wire,
        new QuarryError(
          'UNSUPPORTED',
          'short-circuit reads are not served: set dfs.client.read.shortcircuit=false',
        ),
      );
      return false;
  }
}
