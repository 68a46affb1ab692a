import { SystemClock } from '../../../common/seams/clock.ts';
import type { Net } from '../../../common/seams/net.ts';
import { SystemNet } from '../../../common/seams/system-net.ts';
import { KafkaConnection } from '../../../log/kafka/kafka-connection.ts';
import type { KafkaClusterOptions } from '../../../log/kafka/kafka-cluster.ts';
import { WireWriter } from '../../../log/kafka/wire.ts';

export function clusterOptions(url: string, more: Partial<KafkaClusterOptions> = {}): KafkaClusterOptions {
  return {
    url,
    addresses: url.slice('kafka://'.length).split(','),
    clientId: 'quarry-test',
    timeoutMs: 30_000,
    security: {},
    compression: 'none',
    transactionTimeoutMs: 60_000,
    net: new SystemNet(),
    clock: new SystemClock(),
    ...more,
  };
}

/** Bytes a second that the brokers let a client have, as an operator sets them with kafka-configs. */
export async function setQuota(url: string, clientId: string, bytesPerSecond: number): Promise<void> {
  const options = clusterOptions(url);
  const connection = await KafkaConnection.open(options.addresses[0]!, options);
  const body = new WireWriter().int32(1).int32(1).string('client-id').string(clientId).int32(2);
  const rate = Buffer.alloc(8);
  rate.writeDoubleBE(bytesPerSecond);
  for (const key of ['consumer_byte_rate', 'producer_byte_rate']) {
    body.string(key).int64(Number(rate.readBigInt64BE())).int8(0);
  }
  const error = await connection.send({ key: 49, version: 0 }, body.int8(0).done(), (reader) => {
    reader.int32();
    return reader.array(() => reader.int16())[0];
  });
  connection.close();
  if (error !== 0) throw new Error(`quota: error ${error}`);
}

/** A net that keeps back what `isHeld` says of a request's kind, until it is let go. */
export class HoldingNet extends SystemNet {
  readonly #held: (() => void)[] = [];
  isHeld: (apiKey: number) => boolean = () => false;

  override async connect(...[address, options]: Parameters<Net['connect']>): ReturnType<Net['connect']> {
    const stream = await super.connect(address, options);
    const write = stream.write.bind(stream);
    let parts: Buffer[] = [];
    // A frame is written in parts between cork and uncork.
    stream.cork = () => undefined;
    stream.write = ((part: Buffer) => {
      parts.push(part);
      return true;
    }) as typeof stream.write;
    stream.uncork = () => {
      const frame = Buffer.concat(parts);
      parts = [];
      if (this.isHeld(frame.readInt16BE(4))) this.#held.push(() => write(frame));
      else write(frame);
    };
    return stream;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  letGo(): void {
    this.isHeld = () => false;
    for (const send of this.#held.splice(0)) send();
  }
}
