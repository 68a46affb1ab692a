import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatStorage, freePorts, KafkaNode } from './kafka-node.ts';

export interface KafkaBroker {
  /** kafka://127.0.0.1:PORT */
  readonly url: string;
  /** HOST:PORT of every listener that `options.listeners` asked for, by its name. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Of the running broker; another one after `restart`. */
  readonly pid: number;
  /** Stops it as an operator does, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** kill -9; resolves when it has gone. `restart` brings it back. */
  kill(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

export interface KafkaOptions {
  readonly heap?: string;
  /** Added to server.properties. */
  readonly settings?: Readonly<Record<string, string>>;
  /** More listeners than the plain one: security protocol by name. */
  readonly listeners?: Readonly<Record<string, string>>;
  /** As the storage tool's --add-scram takes them. */
  readonly scram?: readonly string[];
  /** Compile less: tests start a broker more often than they load it. */
  readonly quick?: boolean;
}

/** A real Apache Kafka (KRaft, one node) on free ports in a directory of its own. Fails with the install command when its jars are missing. */
export async function startKafkaBroker(options: KafkaOptions = {}): Promise<KafkaBroker> {
  const { nodes, stop } = await startNodes(1, options);
  const { node, address, listeners } = nodes[0]!;
  return {
    url: `kafka://${address}`,
    listeners,
    get pid() {
      return node.pid;
    },
    async restart() {
      await node.end('SIGTERM');
      await node.start();
    },
    kill: () => node.end('SIGKILL'),
    stop,
  };
}

export interface KafkaCluster {
  /** Of all brokers. */
  readonly url: string;
  /** Broker `index + 1`: its process. */
  readonly nodes: readonly KafkaNode[];
  stop(): Promise<void>;
}

/** Brokers that are each other's controllers too; topics have as many replicas, of which one may be away. */
export async function startKafkaCluster(count: number, options: KafkaOptions = {}): Promise<KafkaCluster> {
  const { nodes, stop } = await startNodes(count, options);
  return {
    url: `kafka://${nodes.map(({ address }) => address).join(',')}`,
    nodes: nodes.map(({ node }) => node),
    stop,
  };
}

interface StartedNode {
  readonly node: KafkaNode;
  readonly address: string;
  readonly listeners: Readonly<Record<string, string>>;
}

async function startNodes(count: number, options: KafkaOptions) {
  const directory = await mkdtemp(join(tmpdir(), 'quarry-kafka-'));
  const names = ['PLAINTEXT', 'CONTROLLER', ...Object.keys(options.listeners ?? {})];
  const ports = await freePorts(names.length * count);
  const portsOf = (index: number) =>
    Object.fromEntries(names.map((name, at) => [name, ports[index * names.length + at]!]));
  const voters = Array.from(
    { length: count },
    (_, index) => `${index + 1}@127.0.0.1:${portsOf(index)['CONTROLLER']}`,
  );
  const jvm = [
    `-Xms${count > 1 ? '128m' : '256m'}`,
    `-Xmx${options.heap ?? '512m'}`,
    '-XX:+UseSerialGC',
    ...(options.quick === true ? ['-XX:TieredStopAtLevel=1'] : []),
  ];
  const nodes: StartedNode[] = [];
  const stop = async () => {
    await Promise.all(nodes.map(({ node }) => node.end('SIGKILL')));
    await rm(directory, { recursive: true, force: true });
  };
  for (let index = 0; index < count; index++) {
    const own = join(directory, `node-${index + 1}`);
    await mkdir(own);
    const place = { directory: own, id: index + 1, ports: portsOf(index), voters: voters.join(',') };
    await writeFile(join(own, 'server.properties'), properties(place, options));
    await writeFile(join(own, 'log4j2.yaml'), LOG4J);
    nodes.push({
      node: new KafkaNode(own, jvm, place.ports['PLAINTEXT']!),
      address: `127.0.0.1:${place.ports['PLAINTEXT']}`,
      listeners: Object.fromEntries(
        Object.keys(options.listeners ?? {}).map((name) => [name, `127.0.0.1:${place.ports[name]}`]),
      ),
    });
  }
  await formatAll(directory, count, options);
  try {
    await Promise.all(nodes.map(({ node }) => node.start()));
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { nodes, stop };
}

/** The first by Kafka's tool; the others differ in two lines, and each run of the tool costs seconds. */
async function formatAll(directory: string, count: number, { scram = [] }: KafkaOptions): Promise<void> {
  // A cluster id is 16 bytes in base64url.
  const id = () => randomBytes(16).toString('base64url');
  const first = join(directory, 'node-1');
  const users = scram.flatMap((user) => ['--add-scram', user]);
  formatStorage(join(first, 'server.properties'), id(), users);
  const meta = await readFile(join(first, 'data/meta.properties'), 'utf8');
  for (let index = 2; index <= count; index++) {
    const data = join(directory, `node-${index}/data`);
    await mkdir(data);
    await copyFile(join(first, 'data/bootstrap.checkpoint'), join(data, 'bootstrap.checkpoint'));
    const own = meta
      .replace(/^node\.id=.*$/m, `node.id=${index}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${id()}`);
    await writeFile(join(data, 'meta.properties'), own);
  }
}

interface NodePlace {
  readonly directory: string;
  readonly id: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly voters: string;
}

function properties({ directory, id, ports, voters }: NodePlace, options: KafkaOptions): string {
  const replicas = voters.split(',').length;
  const atLeast = Math.max(1, replicas - 1);
  const protocols = { PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT', ...options.listeners };
  const named = Object.entries(ports).map(([name, port]) => `${name}://127.0.0.1:${port}`);
  const own = Object.entries(options.settings ?? {}).map(([name, value]) => `${name}=${value}`);
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters}
listeners=${named.join(',')}
advertised.listeners=${named.filter((listener) => !listener.startsWith('CONTROLLER')).join(',')}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=${Object.entries(protocols)
    .map(([name, protocol]) => `${name}:${protocol}`)
    .join(',')}
log.dirs=${directory}/data
num.partitions=3
default.replication.factor=${replicas}
min.insync.replicas=${atLeast}
offsets.topic.replication.factor=${replicas}
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=${replicas}
transaction.state.log.min.isr=${atLeast}
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=${replicas}
share.coordinator.state.topic.min.isr=${atLeast}
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
${own.join('\n')}
`;
}

const LOG4J = `Configuration:
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "[%d] %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
`;
