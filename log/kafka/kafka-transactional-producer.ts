import type { ErrorCode } from '../../common/error-codes.ts';
import { hasCode, QuarryError } from '../../common/quarry-error.ts';
import { closedProducer, reopen } from '../ended-producer.ts';
import type { RecordInput, TransactionalProducer } from '../log.ts';
import type { PartitionRecords } from '../partitioner.ts';
import { divided } from './divided.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { kafkaError, moved } from './kafka-error.ts';
import {
  ADD_PARTITIONS_TO_TXN,
  addPartitionsAnswer,
  addPartitionsRequest,
  END_TXN,
  endTxnAnswer,
  endTxnRequest,
  FIND_COORDINATOR,
  findCoordinatorAnswer,
  findCoordinatorRequest,
  FOLLOW_PRODUCER_ID,
  followProducerIdRequest,
  INIT_PRODUCER_ID,
  initProducerIdAnswer,
  initProducerIdRequest,
  type ProducerIdentity,
} from './produce-requests.ts';
import { ProducerSession } from './producer-session.ts';

const OPERATION_NOT_ATTEMPTED = 55;
/** Refusals of the records themselves: nothing of them is kept, and the next commit may be a good one. */
const REFUSALS: readonly ErrorCode[] = ['LIMIT_EXCEEDED', 'TOPIC_NOT_FOUND', 'INVALID_ARGUMENT'];

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
      const body = initProducerIdRequest(id, cluster.options.transactionTimeoutMs);
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
    const groups = await divided(this.#cluster, records);
    if (groups.length === 0) return;
    let hasBegun = false;
    try {
      await this.#begin(groups);
      hasBegun = true;
      await this.#session.send(groups);
      await this.#end('commit');
    } catch (thrown) {
      const error = QuarryError.from(thrown);
      const isRefused = hasCode(error, ...REFUSALS) && this.#session.isSound;
      if (isRefused && (!hasBegun || (await this.#aborted()))) throw error;
      const told = hasCode(error, 'FENCED') ? await this.#fenced() : error;
      this.#broken = hasCode(told, 'FENCED') ? told : reopen(told);
      throw told;
    }
  }

  /** False when the coordinator did not do it: it will when a newer producer opens, or the time of the transaction is over. */
  async #aborted(): Promise<boolean> {
    try {
      await this.#end('abort');
      return true;
    } catch (thrown) {
      if (thrown instanceof QuarryError) return false;
      throw thrown;
    }
  }

  /**
   * The coordinator fences a producer whose transaction took too long as it does one with a successor. Asked for the identity
   * that follows this one, it refuses the latter alone.
   */
  async #fenced(): Promise<QuarryError> {
    const { transactionTimeoutMs } = this.#cluster.options;
    const { transactionalId } = this.#session.identity;
    try {
      await this.#coordinated(async (connection, identity) => {
        const body = followProducerIdRequest(identity, transactionTimeoutMs);
        const { error } = await connection.send(FOLLOW_PRODUCER_ID, body, initProducerIdAnswer);
        if (error !== 0) throw kafkaError(error, `transactional producer ${transactionalId}`);
      });
    } catch (thrown) {
      if (!(thrown instanceof QuarryError)) throw thrown;
      return new QuarryError(
        'FENCED',
        `a newer producer ${transactionalId} has taken over: this one can commit nothing more`,
      );
    }
    return new QuarryError(
      'LOG_UNAVAILABLE',
      `a transaction of ${transactionalId} took longer than ${transactionTimeoutMs} ms (transaction.timeout.ms), and Kafka aborted it: open the producer again and read what is committed`,
      { details: { final: true } },
    );
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
      if (first === undefined) return;
      this.#cluster.forget(first.topic);
      // Says so when the topic has gone.
      await this.#cluster.leaders(first.topic);
      throw moved(kafkaError(first.error, `a transaction on ${first.topic}/${first.partition}`));
    });
  }

  /** Asked again after a lost answer, the coordinator says yes to what it has done already. */
  async #end(end: 'commit' | 'abort'): Promise<void> {
    const ask = () =>
      this.#coordinated(async (connection, identity) => {
        const error = await connection.send(END_TXN, endTxnRequest(identity, end), endTxnAnswer);
        if (error !== 0) throw kafkaError(error, `the end of a transaction of ${identity.transactionalId}`);
      });
    await ask();
    // The coordinator has answered before its markers are in the partitions; asked again, it says yes when they are, and
    // then whoever reads finds what was committed.
    await ask();
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
