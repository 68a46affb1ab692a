import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { crc32c } from '../../../../common/checksum.ts';
import { silentLog } from '../../../../common/log.ts';
import { SystemNet } from '../../../../common/seams/system-net.ts';
import { openBlockReader } from '../../../../common/transfer/block-reader.ts';
import { openBlockWriter } from '../../../../common/transfer/block-writer.ts';
import { blockOpResponse, opBlockChecksum, opReadBlock } from '../../../../common/transfer/messages.ts';
import { encodeOperation, operationHeader } from '../../../../common/transfer/operation.ts';
import { readPacket } from '../../../../common/transfer/packet.ts';
import { OP, STATUS } from '../../../../common/transfer/protocol.ts';
import { Wire } from '../../../../common/transfer/wire.ts';
import { startDataServer } from '../../../../datanode/transfer/data-server.ts';
import { MemoryBlockStore } from './memory-block-store.ts';
import { someBytes, STAMP, TransferCluster } from './transfer-cluster.ts';

const DATA = someBytes(3_000_000);

describe('reading', () => {
  let cluster: TransferCluster;
  beforeEach(async () => {
    cluster = await new TransferCluster().start(1);
    await cluster.put(7, Buffer.from(DATA));
  });
  afterEach(() => cluster.close());

  const node = () => cluster.nodes[0]!;
  const connect = async () => new Wire(await cluster.net.connect(node().address), cluster.clock);
  const readOp = (change: object = {}) =>
    encodeOperation(OP.READ_BLOCK, opReadBlock, {
      header: operationHeader({ blockId: 7, generationStamp: STAMP, lengthBytes: 0 }, '', 'raw'),
      offset: 0,
      len: 100_000,
      sendChecksums: true,
      ...change,
    });

  it('tells what is not there', async () => {
    const missing = [
      cluster.get(8, { lengthBytes: 1 }),
      cluster.get(7, { block: { blockId: 7, generationStamp: STAMP + 1, lengthBytes: 1 } }),
      cluster.get(7, { offsetBytes: DATA.length, lengthBytes: 1 }),
      cluster.get(7, { poolId: 'BP-another' }),
    ];
    for (const work of missing) await expect(work).rejects.toMatchObject({ code: 'BLOCK_NOT_FOUND' });
    // Refusals leave the connection in order.
    expect((await cluster.get(7)).equals(DATA)).toBe(true);
  });

  it('hands out no byte that was damaged in the store or on the wire', async () => {
    node().store.damage(7, 1_500_000);
    await expect(cluster.get(7)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' });
    expect((await cluster.get(7, { lengthBytes: 1_000_000 })).equals(DATA.subarray(0, 1_000_000))).toBe(true);
    node().store.damage(7, 1_500_000);
    cluster.net.links.at(-1)!.far.fault = {
      change: (bytes) => {
        if (bytes.length > 5_000) bytes[5_000] = bytes[5_000]! ^ 128;
        return bytes;
      },
    };
    await expect(cluster.get(7)).rejects.toMatchObject({ code: 'BLOCK_CORRUPT' });
  });

  it('reports what its store finds corrupt', async () => {
    const read = node().store.read.bind(node().store);
    node().store.read = async function* (blockId, offset, length) {
      for await (const chunk of read(blockId, offset, length)) {
        if (chunk.offsetBytes > 1_000_000) {
          throw new QuarryError('BLOCK_CORRUPT', 'the header does not match');
        }
        yield chunk;
      }
    };
    await expect(cluster.get(7)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(node().events.at(-1)).toMatchObject({ kind: 'CORRUPT', replica: { blockId: 7 } });
    await expect(cluster.get(7, { offsetBytes: 2_000_000, lengthBytes: 1 })).rejects.toMatchObject({
      code: 'BLOCK_CORRUPT',
    });
  });

  it('fails over when the datanode dies or stands still', async () => {
    const dying = await openBlockReader(cluster, cluster.readRequest(7));
    await dying.read();
    cluster.net.freeze(node().address);
    await expect(readAll(dying)).rejects.toMatchObject({ code: 'DEADLINE' });
    const killed = await openBlockReader(cluster, cluster.readRequest(7));
    await killed.read();
    cluster.net.kill(node().address);
    await expect(readAll(killed)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    await expect(cluster.get(7)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  it('stops when it is closed or its signal aborts', async () => {
    const controller = new AbortController();
    const reader = await openBlockReader(cluster, cluster.readRequest(7, { signal: controller.signal }));
    await reader.read();
    controller.abort();
    await expect(readAll(reader)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    const closed = await openBlockReader(cluster, cluster.readRequest(7));
    await closed.read();
    closed.close();
    closed.close();
    await expect(readAll(closed)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await vi.waitFor(() => expect(node().server.activeStreams()).toBe(0));
  });

  it('does not run ahead of a slow reader', async () => {
    let chunks = 0;
    const read = node().store.read.bind(node().store);
    node().store.readChunkBytes = 64 * 1024;
    node().store.read = async function* (blockId, offset, length) {
      for await (const chunk of read(blockId, offset, length)) {
        chunks++;
        yield chunk;
      }
    };
    const reader = await openBlockReader(cluster, cluster.readRequest(7));
    await reader.read();
    await cluster.clock.sleep(100);
    // What the reader buffers (1 MiB), what the link holds, and two chunks in hand.
    expect(chunks * 64 * 1024).toBeLessThan(1_600_000);
    expect((await readAll(reader)) > 2_000_000).toBe(true);
  });

  it('uses a connection again, and another when the datanode has closed it', async () => {
    const before = cluster.net.connects;
    for (let i = 0; i < 5; i++) await cluster.get(7, { lengthBytes: 1_000 });
    expect(cluster.net.connects).toBe(before + 1);
    const idle = cluster.net.links.at(-1)!;
    idle.far.destroy();
    expect((await cluster.get(7, { lengthBytes: 1_000 })).length).toBe(1_000);
    expect(cluster.net.connects).toBe(before + 2);
    // Readers side by side have one each.
    await Promise.all([1, 2, 3].map(() => cluster.get(7)));
    expect(cluster.net.connects).toBe(before + 4);
  });

  it('sends no checksums to those who do not want them, after checking them itself', async () => {
    const wire = await connect();
    wire.send([readOp({ sendChecksums: false, offset: 1_000 })]);
    const answer = blockOpResponse.decode(await wire.readDelimited(1_000));
    expect(answer.readOpChecksumInfo).toMatchObject({ checksum: { type: 0 }, chunkOffset: 512 });
    const packet = await readPacket(wire, false, 1_000);
    expect(packet!.data.equals(DATA.subarray(512, 512 + packet!.dataLength))).toBe(true);
    wire.destroy();
    node().store.damage(7, 1_100);
    const again = await connect();
    again.send([readOp({ sendChecksums: false })]);
    await again.readDelimited(1_000).catch(() => undefined);
    await expect(readPacket(again, false, 1_000)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(node().events.at(-1)?.kind).toBe('CORRUPT');
  });

  it('answers the MD5 of all checksums, or the CRC of all bytes', async () => {
    const wire = await connect();
    const ask = async (blockChecksumType: number) => {
      const { baseHeader } = operationHeader({ blockId: 7, generationStamp: STAMP, lengthBytes: 0 }, '', '');
      const options = { blockChecksumType, stripeLength: 0 };
      wire.send([
        encodeOperation(OP.BLOCK_CHECKSUM, opBlockChecksum, {
          header: baseHeader,
          blockChecksumOptions: options,
        }),
      ]);
      return blockOpResponse.decode(await wire.readDelimited(1_000)).checksumResponse!;
    };
    const md5 = await ask(1);
    expect(md5).toMatchObject({ bytesPerCrc: 512, crcPerBlock: Math.ceil(DATA.length / 512), crcType: 2 });
    const expected = createHash('md5').update(node().store.blocks.get(7)!.checksums).digest();
    expect(Buffer.from(md5.blockChecksum).equals(expected)).toBe(true);
    const composite = Buffer.from((await ask(2)).blockChecksum);
    expect(composite.readUInt32BE(0)).toBe(crc32c(DATA));
    wire.destroy();
  });

  it.each([87, 88, 89])('refuses short-circuit op %i with a clear status', async (op) => {
    const wire = await connect();
    wire.send([Buffer.from([0, 28, op, 0])]);
    const answer = blockOpResponse.decode(await wire.readDelimited(1_000));
    expect(answer.status).toBe(STATUS.ERROR_UNSUPPORTED);
    expect(answer.message).toContain('dfs.client.read.shortcircuit');
    wire.destroy();
  });

  it('survives whatever arrives', async () => {
    const start = Buffer.from([0, 28]);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // Past the version and into the messages.
      fc
        .tuple(fc.constantFrom(80, 81, 85, 86), fc.uint8Array({ maxLength: 300 }))
        .map(([op, rest]) => Buffer.concat([start, Buffer.from([op, rest.length % 128]), rest])),
      // A real request with some bytes changed.
      fc.tuple(fc.nat(60), fc.nat(255)).map(([at, value]) => {
        const op = Buffer.from(readOp());
        op[at % op.length] = value;
        return op;
      }),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (input) => {
        const stream = await cluster.net.connect(node().address);
        stream.on('error', () => undefined);
        stream.resume();
        stream.end(Buffer.from(input));
        await cluster.clock.sleep(1);
        stream.destroy();
      }),
      { numRuns: 300 },
    );
    await vi.waitFor(() => expect(node().server.activeStreams()).toBe(0));
    expect((await cluster.get(7)).equals(DATA)).toBe(true);
  });

  it('refuses streams beyond its bound', async () => {
    const wires = await Promise.all(
      Array.from({ length: 256 }, async () => {
        const wire = await connect();
        // Nobody takes what comes, so the exchange stays open.
        wire.send([readOp({ len: DATA.length })]);
        return wire;
      }),
    );
    await vi.waitFor(() => expect(node().server.activeStreams()).toBe(256));
    await expect(cluster.get(7)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    for (const wire of wires) wire.destroy();
    await vi.waitFor(() => expect(node().server.activeStreams()).toBe(0));
  });
});

async function readAll(reader: { read(): Promise<Buffer | undefined> }): Promise<number> {
  let total = 0;
  for (let part = await reader.read(); part !== undefined; part = await reader.read()) total += part.length;
  return total;
}

describe('over sockets', () => {
  it('writes and reads through TCP and a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'quarry-transfer-'));
    const cluster = new TransferCluster();
    const seams = { net: new SystemNet(), clock: cluster.clock, log: silentLog() };
    const unixSocket = join(directory, 'data.sock');
    const server = await startDataServer({
      seams,
      config: cluster.config,
      store: new MemoryBlockStore(),
      nodeId: 'dn1',
      poolId: () => 'BP-c1',
      listenAddress: '127.0.0.1:0',
      unixSocket,
      onReplica: () => undefined,
    });
    try {
      for (const [i, address] of [server.address, `unix:${unixSocket}`].entries()) {
        const request = cluster.writeRequest(i, { targets: [{ id: 'dn1', address }] });
        const writer = await openBlockWriter(seams, request);
        await writer.write(Buffer.from(DATA));
        await writer.finish();
        const parts: Buffer[] = [];
        const reader = await openBlockReader(seams, {
          ...request,
          address,
          offsetBytes: 0,
          lengthBytes: DATA.length,
          readTimeoutMs: 2_000,
        });
        for (let part = await reader.read(); part !== undefined; part = await reader.read()) parts.push(part);
        expect(Buffer.concat(parts).equals(DATA)).toBe(true);
      }
    } finally {
      await server.close();
      rmSync(directory, { recursive: true });
    }
  });
});
