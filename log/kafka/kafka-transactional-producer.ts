import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { closedProducer, reopen } from '../ended-producer.ts';
import type { RecordInput, TransactionalProducer } from '../log.ts';
import { byPartition, type PartitionRecords } from '../partitioner.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaError, moved } from './kafka-error.ts';
import {
  ADD_PARTITIONS_TO_TXN,
  addPartitionsAnswer,
  addPartitionsRequest,
  END_TXN,
  endTxnAnswer,
  commitRequest,
  FIND_COORDINATOR,
  findCoordinatorAnswer,
  findCoordinatorRequest,
  INIT_PRODUCER_ID,
  initProducerIdAnswer,
  initProducerIdRequest,
  type ProducerIdentity,
} from './produce-requests.ts';
import { ProducerSession } from './producer-session.ts';

/** A transaction that its producer leaves open is aborted by the broker after that long. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const OPERATION_NOT_ATTEMPTED = 55;

/** A Kafka transaction a commit. */
export class KafkaTransactionalProducer implements TransactionalProducer {
  readonly #cluster: KafkaCluster;
  readonly #session: ProducerSession;
  /** What ended this producer: it must be opened again. */
  #broken: QuarryError | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(cluster: KafkaCluster, session: ProducerSession) {
    this.#cluster = cluster;
    this.#session = session;
  }

  /** The broker aborts what an earlier producer of the name left open before it answers (until then: CONCURRENT_TRANSACTIONS). */
  static async open(cluster: KafkaCluster, id: string): Promise<KafkaTransactionalProducer> {
    const identity = await cluster.retrying(async () => {
      const connection = await coordinator(cluster, id);
      const body = initProducerIdRequest(id, TRANSACTION_TIMEOUT_MS);
      const { error, producerId, producerEpoch } = await connection.send(
        INIT_PRODUCER_ID,
        body,
        initProducerIdAnswer,
      );
      if (error !== 0) throw kafkaError(error, `transactional producer ${id}`);
      return { transactionalId: id, producerId, producerEpoch };
    });
    return new KafkaTransactionalProducer(cluster, new ProducerSession(cluster, identity));
  }

  /** One commit after the other. */
  commit(records: readonly RecordInput[]): Promise<void> {
    const done = this.#last.then(() => this.#commit(records));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#broken ??= closedProducer();
  }

  async #commit(records: readonly RecordInput[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    const groups = await byPartition(records, (topic) => this.#cluster.partitions(topic));
    if (groups.length === 0) return;
    try {
      await this.#begin(groups);
      await this.#session.send(groups);
      await this.#end();
      // The coordinator has answered before its markers are in the partitions; asked again, it says yes when they are, and
      // then whoever reads finds what was committed.
      await this.#end();
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      this.#broken = hasCode(error, 'FENCED') ? fenced(this.#session.identity) : reopen(error);
      throw hasCode(error, 'FENCED') ? this.#broken : error;
    }
  }

  #begin(groups: readonly PartitionRecords[]): Promise<void> {
    return this.#coordinated(async (connection, identity) => {
      const outcomes = await connection.send(
        ADD_PARTITIONS_TO_TXN,
        addPartitionsRequest(identity, groups),
        addPartitionsAnswer,
      );
      const failed = outcomes.filter(({ error }) => error !== 0);
      const first = failed.find(({ error }) => error !== OPERATION_NOT_ATTEMPTED) ?? failed[0];
      if (first !== undefined)
        throw moved(kafkaError(first.error, `a transaction on ${first.topic}/${first.partition}`));
    });
  }

  /** Asked again after a lost answer, the coordinator says yes to what it has done already. */
  #end(): Promise<void> {
    return this.#coordinated(async (connection, identity) => {
      const error = await connection.send(END_TXN, commitRequest(identity), endTxnAnswer);
      if (error !== 0) throw kafkaError(error, `the end of a transaction of ${identity.transactionalId}`);
    });
  }

  #coordinated(
    run: (connection: KafkaConnection, identity: ProducerIdentity) => Promise<void>,
  ): Promise<void> {
    const { identity } = this.#session;
    return this.#cluster.retrying(async () =>
      run(await coordinator(this.#cluster, identity.transactionalId!), identity),
    );
  }
}

async function coordinator(cluster: KafkaCluster, id: string): Promise<KafkaConnection> {
  const any = await cluster.any();
  const { error, address } = await any.send(
    FIND_COORDINATOR,
    findCoordinatorRequest(id),
    findCoordinatorAnswer,
  );
  if (error !== 0) throw kafkaError(error, `the coordinator of ${id}`);
  return cluster.shared(address);
}

function fenced({ transactionalId }: ProducerIdentity): QuarryError {
  return new QuarryError(
    'FENCED',
    `a newer producer ${transactionalId} has taken over, or a transaction took longer than ${TRANSACTION_TIMEOUT_MS} ms: this one can commit nothing more`,
  );
}
