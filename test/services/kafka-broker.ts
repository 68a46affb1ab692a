import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KafkaBroker {
  /** kafka://127.0.0.1:PORT */
  readonly url: string;
  /** Of the running broker; another one after `restart`. */
  readonly pid: number;
  /** Stops it as an operator does, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** kill -9; resolves when it has gone. `restart` brings it back. */
  kill(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

const VERSION = '4.3.1';
const JAVA = process.env['JAVA_HOME'] === undefined ? 'java' : join(process.env['JAVA_HOME'], 'bin/java');
const START_TIMEOUT_MS = 90_000;

/** A real Apache Kafka (KRaft, one node) on free ports in a directory of its own. Fails with the install command when its jars are missing. */
export async function startKafkaBroker(options: { heap?: string } = {}): Promise<KafkaBroker> {
  const classpath = `${jars()}/*`;
  const directory = await mkdtemp(join(tmpdir(), 'quarry-kafka-'));
  const [port, controllerPort] = await freePorts();
  await writeFile(join(directory, 'server.properties'), properties(directory, port!, controllerPort!));
  await writeFile(join(directory, 'log4j2.yaml'), LOG4J);
  const java = [`-Dlog4j2.configurationFile=${directory}/log4j2.yaml`, '-cp', classpath];
  // A cluster id is 16 bytes in base64url.
  const clusterId = randomBytes(16).toString('base64url');
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    `${directory}/server.properties`,
  ];
  const formatted = spawnSync(JAVA, ['-XX:TieredStopAtLevel=1', ...java, ...format], { encoding: 'utf8' });
  if (formatted.error !== undefined)
    throw new Error('java is missing: apt-get install openjdk-17-jre-headless');
  if (formatted.status !== 0) throw new Error(`kafka format: ${formatted.stdout}${formatted.stderr}`);

  const broker = new BrokerProcess(
    directory,
    [
      '-Xms256m',
      `-Xmx${options.heap ?? '512m'}`,
      '-XX:+UseSerialGC',
      ...java,
      'kafka.Kafka',
      `${directory}/server.properties`,
    ],
    port!,
  );
  await broker.start();
  return {
    url: `kafka://127.0.0.1:${port}`,
    get pid() {
      return broker.pid;
    },
    async restart() {
      await broker.end('SIGTERM');
      await broker.start();
    },
    kill: () => broker.end('SIGKILL'),
    async stop() {
      await broker.end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

class BrokerProcess {
  readonly #directory: string;
  readonly #args: readonly string[];
  readonly #port: number;
  #process: ChildProcess | undefined;
  readonly #endWithUs = () => this.#process?.kill('SIGKILL');

  constructor(directory: string, args: readonly string[], port: number) {
    this.#directory = directory;
    this.#args = args;
    this.#port = port;
    process.once('exit', this.#endWithUs);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const output = openSync(join(this.#directory, 'broker.out'), 'a');
    const child = spawn(JAVA, [...this.#args], { stdio: ['ignore', output, output] });
    this.#process = child;
    const until = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(this.#port))) {
      if (child.exitCode !== null || Date.now() > until) {
        await this.end('SIGKILL');
        throw new Error(
          `kafka did not start: ${readFileSync(join(this.#directory, 'broker.out'), 'utf8').slice(-2000)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(hard);
  }
}

/** True when the broker answers ApiVersions: it listens only when its metadata is loaded. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(2_000, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('data', () => done(true));
    // Length 10: ApiVersions (18) version 0, correlation id 1, a null client id.
    socket.once('connect', () => socket.write(Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255])));
  });
}

function jars(): string {
  const libs = join(
    process.env['QUARRY_CACHE'] ?? join(homedir(), '.cache/quarry'),
    `foreign/kafka-${VERSION}/libs`,
  );
  if (!existsSync(libs)) throw new Error('Kafka is not installed: bash scripts/foreign-kafka.sh');
  return libs;
}

/** Free when asked; all are held until the last is known, so that they differ. */
async function freePorts(): Promise<number[]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function properties(directory: string, port: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${directory}/data
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
`;
}

const LOG4J = `Configuration:
  Appenders:
    Console: {name: STDOUT, PatternLayout: {pattern: "[%d] %p %m (%c)%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}
`;
