import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../../common/log.ts';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { OrderRunner } from '../../../../datanode/orders/order-runner.ts';
import type { Command } from '../../../../proto/gen/quarry/Command.ts';

const command = (id: number): Command => ({ id, order: 'verify' });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const started: number[] = [];
  const ends = new Map<number, (error?: unknown) => void>();
  const run = ({ id }: Command) => {
    started.push(id);
    return new Promise<void>((resolve, reject) => {
      ends.set(id, (error) => (error === undefined ? resolve() : reject(error as Error)));
    });
  };
  return {
    started,
    end: (id: number, error?: unknown) => ends.get(id)!(error),
    runner: new OrderRunner(run, silentLog()),
  };
}

describe('the order runner', () => {
  it('runs an order once, however often it is given, and reports it until it is heard', async () => {
    const { runner, started, end } = setUp();
    runner.accept([command(1), command(2)], 1);
    runner.accept([command(1), command(2)], 1);
    expect(started).toEqual([1, 2]);
    expect(runner.takeDone(1)).toEqual([]);
    end(2);
    await turn();
    expect(runner.takeDone(1)).toEqual([2]);
    runner.accept([command(1), command(2)], 1);
    expect(started).toEqual([1, 2]);
    expect(runner.takeDone(1)).toEqual([2]);
    expect(runner.takeDone(1)).toEqual([]);
  });

  it('reports a failed order as done: what is left to do is the namenode’s to say', async () => {
    const { runner, end } = setUp();
    runner.accept([command(1)], 1);
    end(1, new QuarryError('PEER_UNREACHABLE', 'gone'));
    await turn();
    expect(runner.takeDone(1)).toEqual([1]);
  });

  it('takes the ids of a new session for new orders, and tells it nothing of old ones', async () => {
    const { runner, started, end } = setUp();
    runner.accept([command(1)], 1);
    end(1);
    await turn();
    expect(runner.takeDone(2)).toEqual([]);
    runner.accept([command(1)], 2);
    expect(started).toEqual([1, 1]);
  });
});
