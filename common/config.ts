import { QuarryError } from './quarry-error.ts';

type Value = number | string | boolean | readonly string[];

/** A key of the configuration: its default and what it means. The default's type is the key's type. */
function key<T extends Value>(value: T, meaning: string): { value: Widen<T>; meaning: string } {
  return { value: value as unknown as Widen<T>, meaning };
}
type Widen<T> = T extends number
  ? number
  : T extends boolean
    ? boolean
    : T extends string
      ? string
      : readonly string[];

const MiB = 1024 * 1024;

/** Every key that exists. `--set key=value` reaches every process; an unknown key is an error. */
export const CONFIG_KEYS = {
  'log.level': key('info', 'fatal, error, warn, info, debug or trace'),
  'bind.host': key(
    '127.0.0.1',
    'Where every door listens. Anything but loopback is refused until TLS is configured.',
  ),

  'namenode.hdfsPort': key(9000, 'Hadoop RPC'),
  'namenode.grpcPort': key(9001, 'gRPC for clients and datanodes; 0 picks a free port'),
  'namenode.httpPort': key(9870, 'status page and /metrics'),
  'namenode.aliases': key(
    ['namenode', 'namenode:9000'],
    'authorities accepted in hdfs:// paths besides the advertised one and localhost',
  ),
  'namenode.minBlockSizeBytes': key(MiB, 'the smallest block size a file may be created with'),
  'namenode.replicationDefault': key(3, 'replicas of a file that names no number'),
  'namenode.heartbeatIntervalMs': key(1_000, 'how often a datanode reports that it lives'),
  'namenode.staleAfterMs': key(
    3_000,
    'without a heartbeat for that long a datanode gets no new reads or writes',
  ),
  'namenode.deadAfterMs': key(10_000, 'without a heartbeat for that long its replicas count as lost'),
  'namenode.replicationIntervalMs': key(1_000, 'how often the replication queue hands out work'),
  'namenode.replicationStreamsPerNode': key(4, 'copies a datanode sends at once'),
  'namenode.commandTimeoutMs': key(30_000, 'an order without an outcome for that long is given again'),
  'namenode.sweepIntervalMs': key(60_000, 'how often every block is checked against its target'),
  'namenode.safeModeThreshold': key(0.999, 'share of blocks with a replica before writes are allowed'),
  'namenode.safeModeExtensionMs': key(
    10_000,
    'wait after the threshold when not every block and node is there',
  ),
  'namenode.orphanGraceMs': key(
    3_600_000,
    'replicas of unknown blocks are kept that long before they are deleted',
  ),
  'namenode.leaseSoftMs': key(60_000, 'after that another client may take over a file that is being written'),
  'namenode.leaseHardMs': key(300_000, 'after that the namenode closes the file itself'),
  'namenode.retryCacheMs': key(600_000, 'how long the answer to a mutation is remembered'),
  'namenode.retryCacheEntries': key(500_000, 'how many answers are remembered'),
  'namenode.cacheBytes': key(32 * MiB, 'LevelDB block cache'),
  'namenode.completeWaitMs': key(10_000, 'how long complete waits for durable replicas'),

  'datanode.dataPort': key(9866, 'DataTransferProtocol'),
  'datanode.grpcPort': key(9868, 'recovery between datanodes'),
  'datanode.httpPort': key(9864, '/metrics'),
  'datanode.hostLabel': key(
    '',
    'what two replicas never share; the cluster script gives each datanode its own',
  ),
  'datanode.rack': key('/default-rack', 'rack of the host'),
  'datanode.segmentBytes': key(1024 * MiB, 'where the block store starts its next database'),
  'datanode.writeBufferBytes': key(16 * MiB, 'LevelDB write buffer of the open segment'),
  'datanode.segmentLiveShareMin': key(0.5, 'a segment with less live data is copied forward and unlinked'),
  'datanode.reclaimBytesPerSecond': key(
    20 * MiB,
    'how fast live data of such segments is copied; 0 for no bound',
  ),
  'datanode.scrubBytesPerSecond': key(5 * MiB, 'how fast the scrubber reads'),
  'datanode.scrubIntervalMs': key(86_400_000, 'how often each block is re-read'),
  'datanode.copyBytesPerSecond': key(50 * MiB, 'how fast one datanode sends copies; 0 for no bound'),
  'datanode.reportDelayMs': key(
    100,
    'how long an incremental report collects events; durable ones go at once',
  ),
  'datanode.fullReportIntervalMs': key(3_600_000, 'how often a full report is sent'),
  'datanode.reserveShare': key(0.05, 'share of the disk that new blocks must leave free'),

  'client.blockSizeBytes': key(128 * MiB, 'block size of new files'),
  'client.replication': key(3, 'replicas of new files'),
  'client.minDurable': key(0, 'durable replicas that close waits for; 0: min(replication, 2)'),
  'client.packetBytes': key(256 * 1024, 'data in one packet'),
  'client.windowBytes': key(8 * MiB, 'unacknowledged bytes of one block'),
  'client.ackTimeoutMs': key(2_000, 'a pipeline that is silent for that long is rebuilt'),
  'client.readTimeoutMs': key(2_000, 'a replica that sends nothing for that long is left for the next'),
  'client.replicaWaitMs': key(
    10_000,
    'how long a read waits for a block that no datanode serves: one may be starting again',
  ),
  'client.connectTimeoutMs': key(1_000, 'for one connection'),
  'client.rpcTimeoutMs': key(30_000, 'for one call to the namenode, retries included'),

  'driver.connectPort': key(15_002, 'Spark Connect'),
  'driver.grpcPort': key(0, 'executors'),
  'driver.httpPort': key(4_040, 'jobs API'),
  'driver.connectStreamBytesMax': key(
    1024 * MiB,
    'a result stream of Spark Connect is ended after that many bytes; clients reattach for the rest',
  ),
  'driver.singleTaskMaxBytes': key(
    256 * MiB,
    'inputs up to that size run as one task; 0 turns that path off',
  ),
  'driver.shufflePartitions': key(6, 'partitions of a shuffle when nothing else decides'),
  'driver.localityWaitMs': key(300, 'how long a task waits for a slot on a node that holds its data'),
  'driver.taskAttemptsMax': key(4, 'failed attempts of a task before its job fails'),
  'driver.executorTimeoutMs': key(5_000, 'without a heartbeat for that long an executor is lost'),
  'driver.speculationMultiplier': key(
    3,
    'a task slower than that many medians gets a second attempt; 0 for never',
  ),

  'executor.slots': key(2, 'tasks at once'),
  'executor.grpcPort': key(0, 'tasks'),
  'executor.shufflePort': key(0, 'shuffle reads'),
  'executor.memoryLimitBytes': key(1024 * MiB, 'of the kernel, over all slots'),
  'executor.cacheBytes': key(512 * MiB, 'block cache on tmpfs'),
  'executor.heartbeatIntervalMs': key(1_000, 'to the driver'),

  'workflow.port': key(8_793, 'HTTP API of the workflow service; 0 picks a free port'),
  'workflow.slots': key(4, 'attempts of tasks that run at once'),
  'workflow.pools': key([], 'pools of slots that tasks may name, as NAME=SLOTS'),
  'workflow.smtpUrl': key('', 'where e-mails go that name no server: smtp://[USER:PASSWORD@]HOST:PORT'),
  'workflow.killGraceMs': key(10_000, 'between SIGTERM and SIGKILL to the processes of an attempt'),
  'workflow.reloadIntervalMs': key(2_000, 'how often DAG files are looked at for changes'),
  'workflow.runsKept': key(1_000, 'finished runs of a DAG that are remembered, with their logs'),

  'log.port': key(9_192, 'the embedded log of services/log'),
  'log.writeBufferBytes': key(32 * MiB, 'LevelDB write buffer of the embedded log'),
  'log.retentionIntervalMs': key(60_000, 'how often retention and compaction of the embedded log run'),
  'log.tombstoneRetentionMs': key(86_400_000, 'how long a compacted topic keeps the tombstone of a key'),

  'web.port': key(8_088, 'dashboard and serving API; 0 picks a free port'),

  'views.port': key(9_292, 'key-value views and tables of services/views'),
  'views.memoryLimitBytes': key(256 * MiB, 'of the kernel, for each database of tables'),
} as const;

export type ConfigKey = keyof typeof CONFIG_KEYS;
export type Config = { readonly [K in ConfigKey]: (typeof CONFIG_KEYS)[K]['value'] };

/** Defaults overlaid with text values (`--set`, QUARRY_SET). Errors: UNKNOWN_CONFIG, INVALID_ARGUMENT. */
export function resolveConfig(overrides: Readonly<Record<string, string>> = {}): Config {
  const config: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(CONFIG_KEYS)) config[name] = spec.value as Value;
  for (const [name, text] of Object.entries(overrides)) {
    if (!Object.hasOwn(CONFIG_KEYS, name)) {
      throw new QuarryError(
        'UNKNOWN_CONFIG',
        `unknown configuration key ${name}: see docs/config.md for all of them`,
      );
    }
    config[name] = parseValue(name, text, CONFIG_KEYS[name as ConfigKey].value as Value);
  }
  return Object.freeze(config) as Config;
}

/** `key=value` pairs as the command line has them. */
export function parseSettings(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1)
        throw new QuarryError('INVALID_ARGUMENT', `--set takes key=value, not ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function parseValue(name: string, text: string, like: Value): Value {
  switch (typeof like) {
    case 'number': {
      const value = Number(text);
      if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
        throw new QuarryError(
          'INVALID_ARGUMENT',
          `${name} takes a number of at least 0, not ${JSON.stringify(text)}`,
        );
      }
      return value;
    }
    case 'boolean':
      if (text !== 'true' && text !== 'false') {
        throw new QuarryError('INVALID_ARGUMENT', `${name} takes true or false, not ${JSON.stringify(text)}`);
      }
      return text === 'true';
    case 'string':
      return text;
    default:
      return text.split(',').filter((item) => item !== '');
  }
}
