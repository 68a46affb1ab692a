import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

const VERSION = '4.3.1';
const JAVA = process.env['JAVA_HOME'] === undefined ? 'java' : join(process.env['JAVA_HOME'], 'bin/java');
const START_TIMEOUT_MS = 90_000;

/** Of the broker, and of the tools beside it. Fails with the install command when the jars are missing. */
export function kafkaClasspath(): string {
  const libs = join(
    process.env['QUARRY_CACHE'] ?? join(homedir(), '.cache/quarry'),
    `foreign/kafka-${VERSION}/libs`,
  );
  if (!existsSync(libs)) throw new Error('Kafka is not installed: bash scripts/foreign-kafka.sh');
  return `${libs}/*`;
}

/** Prepares a node's directory; `more` as Kafka's storage tool takes it. */
export function formatStorage(properties: string, clusterId: string, more: readonly string[]): void {
  const tool = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...more];
  const formatted = spawnSync(JAVA, ['-XX:TieredStopAtLevel=1', '-cp', kafkaClasspath(), ...tool], {
    encoding: 'utf8',
  });
  if (formatted.error !== undefined)
    throw new Error('java is missing: apt-get install openjdk-17-jre-headless');
  if (formatted.status !== 0) throw new Error(`kafka format: ${formatted.stdout}${formatted.stderr}`);
}

/** One process of Kafka in a directory with its server.properties and log4j2.yaml. */
export class KafkaNode {
  readonly #directory: string;
  readonly #args: readonly string[];
  readonly #port: number;
  #process: ChildProcess | undefined;
  readonly #endWithUs = () => this.#process?.kill('SIGKILL');

  constructor(directory: string, jvm: readonly string[], port: number) {
    this.#directory = directory;
    this.#args = [
      ...jvm,
      `-Dlog4j2.configurationFile=${directory}/log4j2.yaml`,
      '-cp',
      kafkaClasspath(),
      'kafka.Kafka',
      `${directory}/server.properties`,
    ];
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

/** Free when asked; all are held until the last is known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
