import { assert } from '../../common/assert.ts';
import type { ShuffleOutputInput } from '../../proto/gen/quarry/ShuffleOutput.ts';
import type { SqlTaskInput } from '../../proto/gen/quarry/SqlTask.ts';
import type { SplitGroup, SplitPlanner } from '../files/split-planner.ts';
import type { Expression } from '../plan/expression.ts';
import type { LogicalPlan } from '../plan/logical-plan.ts';
import { equiKeys, partitionExpression } from '../plan/partitioning.ts';
import { splitAggregate } from '../plan/split-aggregate.ts';
import type { StageOutput, StageSpec, TaskSpec } from '../schedule/job-graph.ts';
import { inputBytes, isRowWise, scanBytes, windowKeys } from './plan-facts.ts';
import {
  COPY_LEFT,
  COPY_RIGHT,
  columnsOf,
  type Distribution,
  joined,
  labelOf,
  over,
  type Pipeline,
  readsLog,
  type Share,
  SINGLE,
  shareOf,
} from './pipeline.ts';
import { onTimeSteps, rangeKey, statefulSteps, type StreamStages } from './stage-steps.ts';
import {
  type FragmentInput,
  type InputShare,
  PARTITION_COLUMN,
  renderPlan,
  type ScanLeaf,
  shuffleSql,
  toSqlInput,
} from './task-sql.ts';

export interface StagePlannerOptions {
  readonly splits: SplitPlanner;
  /** Inputs up to that size run as one task; 0: never because of their size. */
  readonly singleTaskMaxBytes: number;
  readonly shufflePartitions: number;
  /** The smaller side of a join goes whole to every task up to that size. */
  readonly broadcastMaxBytes: number;
  /** Slots of all executors. */
  readonly slots: number;
  readonly timeZone: string;
  /** Of a batch of a streaming query. */
  readonly stream?: StreamStages;
}

type Node<Kind extends LogicalPlan['kind']> = Extract<LogicalPlan, { kind: Kind }>;

/** What the last stage does with its rows; `wrap` turns a fragment's SELECT into the statement that makes them. */
export interface FinalOutput {
  readonly output: StageOutput;
  readonly label: string;
  wrap(fragment: string): string;
  task(partition: number): Pick<SqlTaskInput, 'result' | 'file'>;
}

/**
 * Cuts a logical plan at its exchanges. Whatever cannot be divided is gathered into one task, with the right answer. A stage's
 * id is its place, and the id of the exchange that it writes.
 */
export class StagePlanner {
  readonly #options: StagePlannerOptions;
  readonly #stages: StageSpec[] = [];
  /** Columns that only stages know: no session comes near that id. */
  #nextId = 1_000_000_000;

  constructor(options: StagePlannerOptions) {
    this.#options = options;
  }

  async plan(plan: LogicalPlan, final: FinalOutput): Promise<StageSpec[]> {
    const bytes = scanBytes(plan);
    const divides = this.#options.stream !== undefined || readsLog(plan);
    const small = !divides && (bytes === 0 || bytes <= this.#options.singleTaskMaxBytes);
    const pipeline = small ? { plan, distribution: SINGLE } : await this.#pipeline(plan);
    const fragment = renderPlan(pipeline.plan);
    const sql = final.wrap(fragment.sql);
    await this.#addStage(pipeline, fragment.inputs, final.output, final.label, (partition) => ({
      sql,
      ...final.task(partition),
    }));
    return this.#stages;
  }

  async #pipeline(plan: LogicalPlan): Promise<Pipeline> {
    switch (plan.kind) {
      case 'scan':
        return this.#scan(plan);
      case 'local':
      case 'range':
      case 'one-row':
      case 'exchange-read':
      case 'step-read':
      case 'state-read':
      case 'stream-source':
      case 'text-scan':
        return { plan, distribution: SINGLE };
      case 'log-scan':
        return { plan, distribution: plan.ranges.length === 0 ? SINGLE : { kind: 'log', log: plan } };
      case 'watermark':
        return over(plan, await this.#pipeline(plan.input));
      case 'on-time':
        return this.#onTime(plan);
      case 'stateful':
        return this.#stateful(plan);
      case 'deduplicate': {
        const input = await this.#pipeline(plan.input);
        if (input.distribution.kind === 'single') return over(plan, input);
        const keys = columnsOf(plan).filter((key) => key.kind === 'column' && plan.keyIds.includes(key.id));
        return over(plan, await this.#exchange(input, keys, 'shuffle for duplicates'));
      }
      case 'project':
      case 'filter': {
        const input = await this.#pipeline(plan.input);
        if (isRowWise(plan) || input.distribution.kind === 'single') return over(plan, input);
        return over(plan, await this.#exchange(input, windowKeys(plan) ?? [], 'shuffle for window'));
      }
      case 'sample':
        return over(plan, await this.#pipeline(plan.input));
      case 'aggregate':
        return this.#aggregate(plan);
      case 'distinct':
        return this.#distinct(plan);
      case 'join':
        return this.#join(plan);
      case 'sort': {
        const input = await this.#pipeline(plan.input);
        return over(plan, plan.global ? await this.#gather(input) : input);
      }
      case 'limit':
        return this.#limit(plan);
      case 'tail':
        return over(plan, await this.#gather(await this.#pipeline(plan.input)));
      case 'set-operation':
        return this.#setOperation(plan);
    }
  }

  async #onTime(plan: Node<'on-time'>): Promise<Pipeline> {
    const { stream } = this.#options;
    assert(stream !== undefined, 'only a batch of a stream drops late rows');
    const input = await this.#pipeline(plan.input);
    // Files have one order, that of their names; a log has one in each partition.
    const whole = input.distribution.kind === 'scan' ? { ...input, distribution: SINGLE } : input;
    assert(whole.distribution.kind !== 'hash', 'a watermark stands below every exchange');
    const { plan: kept, steps } = onTimeSteps(plan, whole.plan, stream);
    return {
      plan: kept,
      distribution: whole.distribution,
      steps: [...(input.steps ?? []), ...steps],
    };
  }

  async #stateful(plan: Node<'stateful'>): Promise<Pipeline> {
    const { stream } = this.#options;
    assert(stream !== undefined, 'only a batch of a stream has state');
    const input = await this.#pipeline(plan.input);
    const { keys, name } = plan.operator;
    const before = { ...input, plan: plan.operator.before(input.plan) };
    const exchange = await this.#exchange(before, keys, `shuffle for ${name}`, stream.statePartitions);
    const { plan: result, steps } = statefulSteps(plan, exchange.plan, stream);
    return { plan: result, distribution: exchange.distribution, steps };
  }

  async #setOperation(plan: Node<'set-operation'>): Promise<Pipeline> {
    const inputs: Pipeline[] = [];
    for (const input of plan.inputs) inputs.push(await this.#pipeline(input));
    // Equal rows meet in one task; a union that keeps all of them keeps their order too, in one.
    const isDivided =
      !(plan.operation === 'union' && plan.all) &&
      plan.output.length > 0 &&
      inputs.some(({ distribution }) => distribution.kind !== 'single');
    const met: Pipeline[] = [];
    for (const input of inputs) {
      met.push(
        isDivided
          ? await this.#exchange(input, columnsOf(input.plan), `shuffle for ${plan.operation}`)
          : await this.#gather(input),
      );
    }
    const distribution = isDivided ? met[0]!.distribution : SINGLE;
    return {
      plan: { ...plan, inputs: met.map((input) => input.plan) },
      distribution,
      steps: met.flatMap((input) => input.steps ?? []),
    };
  }

  async #scan(scan: ScanLeaf): Promise<Pipeline> {
    const groups = await this.#options.splits.groups(scan.files, this.#options.slots);
    return { plan: scan, distribution: groups.length <= 1 ? SINGLE : { kind: 'scan', scan, groups } };
  }

  async #aggregate(plan: Node<'aggregate'>): Promise<Pipeline> {
    const input = await this.#pipeline(plan.input);
    if (input.distribution.kind === 'single') return over(plan, input);
    const keys = plan.groupBy.filter((key) => key.kind !== 'literal');
    const split = splitAggregate({ ...plan, input: input.plan }, () => this.#nextId++);
    if (split !== undefined) {
      const partial = { ...input, plan: split.partial };
      const groups = columnsOf(split.partial).slice(0, plan.groupBy.length);
      const exchange = await this.#exchange(partial, groups, 'partial aggregate');
      return { plan: split.final(exchange.plan), distribution: exchange.distribution };
    }
    return over(plan, await this.#exchange(input, keys, 'shuffle for aggregate'));
  }

  async #distinct(plan: Node<'distinct'>): Promise<Pipeline> {
    const input = await this.#pipeline(plan.input);
    if (input.distribution.kind === 'single') return over(plan, input);
    return over(plan, await this.#exchange(over(plan, input), columnsOf(plan.input), 'partial distinct'));
  }

  async #limit(plan: Node<'limit'>): Promise<Pipeline> {
    const below = plan.input.kind === 'sort' && plan.input.global ? plan.input : undefined;
    const input = await this.#pipeline(below === undefined ? plan.input : below.input);
    if (input.distribution.kind === 'single') {
      return below === undefined ? over(plan, input) : over(plan, over(below, input));
    }
    // Rows of the answer are among the first of each task's own.
    const first = plan.limit === undefined ? undefined : plan.limit + plan.offset;
    const sorted = below === undefined ? input : over(below, input);
    const local = first === undefined ? input : over({ ...plan, limit: first, offset: 0 }, sorted);
    const gathered = await this.#gather(local);
    return over(plan, below === undefined ? gathered : over(below, gathered));
  }

  async #join(plan: Node<'join'>): Promise<Pipeline> {
    const left = await this.#pipeline(plan.left);
    const right = await this.#pipeline(plan.right);
    if (left.distribution.kind === 'single' && right.distribution.kind === 'single') {
      return joined(plan, left, right, SINGLE);
    }
    const { broadcastMaxBytes } = this.#options;
    const mayCopy = { right: COPY_RIGHT.has(plan.type), left: COPY_LEFT.has(plan.type) };
    const bytes = { left: inputBytes(plan.left), right: inputBytes(plan.right) };
    if (mayCopy.right && bytes.right <= broadcastMaxBytes && left.distribution.kind !== 'single') {
      const copied = await this.#broadcast(right);
      return { ...left, plan: { ...plan, left: left.plan, right: copied } };
    }
    if (mayCopy.left && bytes.left <= broadcastMaxBytes && right.distribution.kind !== 'single') {
      const copied = await this.#broadcast(left);
      return { ...right, plan: { ...plan, left: copied, right: right.plan } };
    }
    const keys = equiKeys(plan);
    if (keys !== undefined) {
      const a = await this.#exchange(left, keys.left, 'shuffle for join');
      const b = await this.#exchange(right, keys.right, 'shuffle for join');
      return joined(plan, a, b, a.distribution);
    }
    return joined(plan, await this.#gather(left), await this.#gather(right), SINGLE);
  }

  async #broadcast(side: Pipeline): Promise<LogicalPlan> {
    return (await this.#exchange(side, [], 'broadcast')).plan;
  }

  async #gather(input: Pipeline): Promise<Pipeline> {
    return input.distribution.kind === 'single' ? input : this.#exchange(input, [], 'gather');
  }

  /** Ends the stage below: its rows divided by `keys`, or all together without any. */
  async #exchange(
    input: Pipeline,
    keys: readonly Expression[],
    label: string,
    wanted = this.#options.shufflePartitions,
  ): Promise<Pipeline> {
    const { output } = input.plan;
    const partitions = keys.length === 0 ? 1 : wanted;
    const fragment = renderPlan(input.plan);
    const number = partitions === 1 ? undefined : partitionExpression(keys, partitions);
    const sql = shuffleSql(fragment.sql, output, number);
    const shuffle: ShuffleOutputInput = { partitionColumn: number === undefined ? '' : PARTITION_COLUMN };
    const id = await this.#addStage(input, fragment.inputs, { kind: 'shuffle', partitions }, label, () => ({
      sql,
      shuffle,
    }));
    return {
      plan: { kind: 'exchange-read', output, exchangeId: id },
      distribution: partitions === 1 ? SINGLE : { kind: 'hash', partitions },
    };
  }

  async #addStage(
    pipeline: Pipeline,
    inputs: readonly FragmentInput[],
    output: StageOutput,
    label: string,
    statement: (partition: number) => Pick<SqlTaskInput, 'sql' | 'result' | 'shuffle' | 'file'>,
  ): Promise<number> {
    const id = this.#stages.length;
    const steps = pipeline.steps ?? [];
    const all = [...inputs, ...steps.flatMap((step) => step.inputs)];
    const parents = [
      ...new Set(all.flatMap((input) => (input.kind === 'exchange' ? [input.exchange.exchangeId] : []))),
    ];
    const shares = await this.#shares(pipeline.distribution, all);
    const tasks = shares.map(
      (share, partition): TaskSpec => ({
        partition,
        preferredNodes: share.preferredNodes,
        scanBytes: share.scanBytes,
        inputs: parents.map((stage) => ({
          stage,
          partitions: this.#partitionsOf(stage, share.hashPartition),
        })),
        work: {
          kind: 'sql',
          sql: {
            ...statement(partition),
            timeZone: this.#options.timeZone,
            steps: steps.map((step) => step.of({ partition, range: share.range })),
            inputs: all.map((input) => toSqlInput(input, this.#inputShare(share, partition))),
          },
        },
      }),
    );
    this.#stages.push({ id, parents, label: labelOf(label, all), tasks, output });
    return id;
  }

  #inputShare(share: Share, partition: number): InputShare {
    return {
      splits: (scan) => share.splits.get(scan)?.splits ?? [],
      ranges: (log) => (share.log?.leaf === log ? [share.log.range] : log.ranges),
      state: (operator) => this.#options.stream?.stateFiles(operator, partition) ?? [],
      partitionColumn: (exchange) => this.#partitionColumnOf(exchange),
    };
  }

  /** What each task of a stage reads. */
  async #shares(distribution: Distribution, inputs: readonly FragmentInput[]): Promise<Share[]> {
    const scans = inputs.flatMap((input) => (input.kind === 'scan' ? [input.scan] : []));
    const whole = new Map<ScanLeaf, SplitGroup>();
    for (const scan of scans) {
      if (distribution.kind === 'scan' && scan === distribution.scan) continue;
      whole.set(scan, await this.#options.splits.together(scan.files));
    }
    switch (distribution.kind) {
      case 'single':
        return [shareOf(whole, undefined)];
      case 'scan':
        return distribution.groups.map((group) =>
          shareOf(new Map([[distribution.scan, group], ...whole]), undefined),
        );
      case 'log': {
        const { log } = distribution;
        return log.ranges.map((range) => ({
          ...shareOf(whole, undefined),
          log: { leaf: log, range },
          range: rangeKey(range),
        }));
      }
      case 'hash':
        return Array.from({ length: distribution.partitions }, (_, partition) => shareOf(whole, partition));
    }
  }

  /** An exchange without keys is read whole by every task; in a stage of one task everything is. */
  #partitionsOf(stage: number, hashPartition: number | undefined): number[] {
    const output = this.#stages[stage]?.output;
    const isDivided = output?.kind === 'shuffle' && output.partitions > 1;
    return isDivided && hashPartition !== undefined ? [hashPartition] : [];
  }

  #partitionColumnOf(exchangeId: number): string {
    const output = this.#stages[exchangeId]?.output;
    return output?.kind === 'shuffle' && output.partitions > 1 ? PARTITION_COLUMN : '';
  }
}
