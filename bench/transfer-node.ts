// A data server for bench/transfer.ts. Its store keeps nothing and answers reads from one buffer, or is LevelDB in a directory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../common/config.ts';
import { silentLog } from '../common/log.ts';
import { SystemClock } from '../common/seams/clock.ts';
import { SystemNet } from '../common/seams/system-net.ts';
import { systemSeams } from '../common/seams/system.ts';
import { computeChecksums } from '../common/transfer/chunk-checksums.ts';
import type { BlockStore, Chunk, Replica, ReplicaState } from '../datanode/store/block-store.ts';
import { openBlockStore } from '../datanode/store/open-block-store.ts';
import { startDataServer } from '../datanode/transfer/data-server.ts';

const CHUNK_BYTES = 256 * 1024;
const BLOCK_BYTES = 128 * 1024 * 1024;
const data = Buffer.alloc(CHUNK_BYTES, 7);
const checksums = computeChecksums([data], CHUNK_BYTES);

function replicaOf(blockId: number, state: ReplicaState): Replica {
  const lengthBytes = state === 'FINALIZED' ? BLOCK_BYTES : 0;
  return { blockId, generationStamp: 1, state, lengthBytes, durableLengthBytes: lengthBytes };
}

const unused = (): never => {
  throw new Error('not part of this measurement');
};

const nullStore: BlockStore = {
  usedBytes: 0,
  replica: (blockId) => replicaOf(blockId, 'FINALIZED'),
  replicas: () => [][Symbol.iterator](),
  create: (blockId, _stamp, state) => Promise.resolve(replicaOf(blockId, state)),
  reopen: unused,
  append: () => Promise.resolve(),
  sync: (blockId) => Promise.resolve(replicaOf(blockId, 'RBW')),
  finalize: (blockId) => Promise.resolve(replicaOf(blockId, 'FINALIZED')),
  async *read(_blockId, offsetBytes, lengthBytes): AsyncGenerator<Chunk> {
    const start = offsetBytes - (offsetBytes % 512);
    const end = Math.ceil((offsetBytes + lengthBytes) / 512) * 512;
    for (let at = start; at < end; at += CHUNK_BYTES) {
      const length = Math.min(CHUNK_BYTES, end - at);
      yield {
        offsetBytes: at,
        data: data.subarray(0, length),
        checksums: checksums.subarray(0, (length / 512) * 4),
      };
    }
  },
  startRecovery: unused,
  completeRecovery: unused,
  delete: () => Promise.resolve(true),
  verify: () => Promise.resolve('ok'),
  close: () => Promise.resolve(),
};

const config = resolveConfig({ 'client.ackTimeoutMs': '10000' });
const directory = mkdtempSync(join(tmpdir(), 'quarry-bench-'));
const store =
  process.argv[2] === 'leveldb'
    ? await openBlockStore(systemSeams(directory, silentLog()), config, true)
    : nullStore;
const server = await startDataServer({
  seams: { net: new SystemNet(), clock: new SystemClock(), log: silentLog() },
  config,
  store,
  nodeId: 'dn1',
  poolId: () => 'BP-bench',
  listenAddress: '127.0.0.1:0',
  unixSocket: '',
  onReplica: () => undefined,
});
process.send?.(server.address);
process.on('message', () => process.send?.(process.cpuUsage()));
process.once('disconnect', () => {
  rmSync(directory, { recursive: true });
  process.exit(0);
});
