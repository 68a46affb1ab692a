import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { hasCode } from '../../../../common/quarry-error.ts';
import { Agent, type AgentOptions } from '../../../../services/agent/agent.ts';
import { MemoryLog } from './memory-log.ts';

const TOPIC = 'clicks';
const event = (n: number) => JSON.stringify({ n, product: `p${n % 3}`, msec: 1_763_719_262.345 + n });

describe('the log agent', () => {
  let directory: string;
  let log: MemoryLog;
  let file: string;
  let agents: { agent: Agent; ended: Promise<void> }[];
  let written: string[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'quarry-agent-'));
    file = join(directory, 'access.log');
    log = new MemoryLog();
    agents = [];
    written = [];
  });
  afterEach(async () => {
    for (const { agent, ended } of agents) {
      agent.stop();
      await ended.catch(() => undefined);
    }
    rmSync(directory, { recursive: true });
  });

  function startAgent(settings: Partial<AgentOptions> = {}): { agent: Agent; ended: Promise<void> } {
    const options = {
      name: 'web1',
      globs: [join(directory, 'access.log*')],
      topic: TOPIC,
      deadLetterTopic: 'clicks-dead',
      offsetsTopic: 'clicks-offsets',
      keyField: 'product',
      timeField: 'msec',
      partitions: 1,
      pollMs: 5,
      lineBytesMax: 1_000,
      ...settings,
    };
    const agent = new Agent(options, log, silentLog());
    const started = { agent, ended: agent.run() };
    agents.push(started);
    return started;
  }

  function write(count: number): void {
    const lines = Array.from({ length: count }, (_, i) => event(written.length + i));
    written.push(...lines);
    appendFileSync(file, `${lines.join('\n')}\n`);
  }

  const eventually = (assertion: () => void) => vi.waitFor(assertion, { timeout: 10_000, interval: 20 });
  const sent = () => (log.topics.has(TOPIC) ? log.values(TOPIC) : []);
  const sentAll = () => eventually(() => expect(sent()).toEqual(written));

  it('sends each line once, in order, with its key and event time', async () => {
    write(3);
    startAgent();
    await sentAll();
    write(2);
    await sentAll();
    expect(log.topics.get(TOPIC)![0]![1]).toMatchObject({
      key: Buffer.from('p1'),
      timestampMs: 1_763_719_263_345,
    });
  });

  it('takes a topic as it is when it was made with other partitions', async () => {
    log.addPartitions(TOPIC, 3);
    const sentInAnyOrder = () =>
      eventually(() => expect(log.values(TOPIC).toSorted()).toEqual(written.toSorted()));
    write(4);
    startAgent();
    await sentInAnyOrder();
    log.addPartitions(TOPIC, 2);
    log.fates.push('fails');
    write(5);
    await sentInAnyOrder();
    expect(log.topics.get(TOPIC)).toHaveLength(5);
  });

  it('waits for the newline of a last line', async () => {
    startAgent();
    appendFileSync(file, `${event(0)}\n${event(1).slice(0, 9)}`);
    await eventually(() => expect(sent()).toEqual([event(0)]));
    appendFileSync(file, `${event(1).slice(9)}\n`);
    await eventually(() => expect(sent()).toEqual([event(0), event(1)]));
  });

  it('follows a file that is renamed, with lines written around the rename', async () => {
    startAgent();
    for (let round = 1; round <= 4; round++) {
      write(20);
      if (round % 2 === 0) await sentAll();
      write(5);
      for (let n = round - 1; n >= 1; n--) renameSync(`${file}.${n}`, `${file}.${n + 1}`);
      renameSync(file, `${file}.1`);
      write(3);
    }
    await sentAll();
  });

  it('follows a file that is copied and truncated, and does not read the copy again', async () => {
    startAgent();
    for (let round = 1; round <= 4; round++) {
      write(20);
      if (round % 2 === 0) await sentAll();
      write(5);
      for (let n = round - 1; n >= 1; n--) renameSync(`${file}.${n}`, `${file}.${n + 1}`);
      copyFileSync(file, `${file}.1`);
      truncateSync(file);
      write(3);
    }
    await sentAll();
  });

  it('catches up on rotated files in the order in which they were written', async () => {
    for (let round = 0; round < 12; round++) {
      write(4);
      for (let n = round; n >= 1; n--) renameSync(`${file}.${n}`, `${file}.${n + 1}`);
      renameSync(file, `${file}.1`);
    }
    write(2);
    startAgent();
    await sentAll();
  });

  it('resumes from the log: nothing twice after a stop, a failed commit or a lost answer', async () => {
    write(50);
    const first = startAgent();
    await sentAll();
    first.agent.stop();
    await first.ended;
    write(50);
    log.fates.push('fails', 'lost-answer', 'fails');
    startAgent();
    await sentAll();
    write(1);
    log.fates.push('lost-answer');
    await sentAll();
  });

  it('ends with FENCED when another agent of its name has taken over', async () => {
    write(1);
    const first = startAgent();
    await sentAll();
    const failure = expect(first.ended).rejects.toSatisfy((thrown) => hasCode(thrown, 'FENCED'));
    startAgent();
    write(1);
    await sentAll();
    write(1);
    await failure;
    await sentAll();
  });

  it('puts what does not parse, and lines that are too long, aside with the reason', async () => {
    const long = JSON.stringify({ product: 'p', msec: 1, text: 'x'.repeat(3_000) });
    const huge = 'y'.repeat(5_000_000);
    const noTime = JSON.stringify({ product: 'p' });
    writeFileSync(file, `${['broken {', noTime, event(1), long, huge, event(2), '', '[1]'].join('\n')}\n`);
    startAgent();
    await eventually(() => expect(sent()).toEqual([event(1), event(2)]));
    await eventually(() => expect(log.values('clicks-dead')).toHaveLength(5));
    const reasons = log.values('clicks-dead').map((text) => (JSON.parse(text) as { reason: string }).reason);
    expect(reasons.toSorted()).toEqual([
      'longer than 1000 bytes',
      'longer than 1000 bytes',
      'no time in msec',
      'not JSON',
      'not a JSON object',
    ]);
  });
});
