import { describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { ResponseLog } from '../../../../driver/connect/response-log.ts';

const never = new AbortController().signal;
const MiB = 1024 * 1024;

function append(log: ResponseLog, text: string, size = text.length): Promise<void> {
  return log.append({ responseId: log.nextId('op'), bytes: Buffer.alloc(size, text) });
}

async function collect(log: ResponseLog, after?: string, count = Infinity): Promise<string[]> {
  const seen: string[] = [];
  for await (const { responseId, bytes } of log.read(after, never)) {
    seen.push(`${responseId} ${bytes.toString('utf8', 0, 1)}`);
    if (seen.length >= count) break;
  }
  return seen;
}

describe('ResponseLog', () => {
  it('lets a reader come back after the last response it saw', async () => {
    const log = new ResponseLog(true);
    for (const text of ['a', 'b', 'c']) await append(log, text);
    log.end();
    expect(await collect(log, undefined, 2)).toEqual(['0.op a', '1.op b']);
    expect(await collect(log, '0.op')).toEqual(['1.op b', '2.op c']);
    expect(await collect(log)).toEqual(['0.op a', '1.op b', '2.op c']);
  });

  it('forgets what was released, and says so', async () => {
    const log = new ResponseLog(true);
    for (const text of ['a', 'b', 'c']) await append(log, text);
    log.end();
    await collect(log);
    log.releaseUntil('1.op');
    expect(await collect(log, '1.op')).toEqual(['2.op c']);
    await expect(collect(log)).rejects.toThrow('INVALID_CURSOR.POSITION_NOT_AVAILABLE');
    await expect(collect(log, '99.op')).rejects.toThrow('INVALID_CURSOR.POSITION_NOT_FOUND');
  });

  it('releases nothing that no reader has had', async () => {
    const log = new ResponseLog(true);
    await append(log, 'a');
    log.releaseUntil('0.op');
    log.end();
    expect(await collect(log)).toEqual(['0.op a']);
  });

  it('gives every reader the error at the end', async () => {
    const log = new ResponseLog(true);
    await append(log, 'a');
    log.end(new QuarryError('ARITHMETIC', 'overflow'));
    await expect(collect(log)).rejects.toThrow('overflow');
    await expect(collect(log, '0.op')).rejects.toThrow('overflow');
  });

  it('makes the producer wait for a slow reader', async () => {
    const log = new ResponseLog(true);
    for (let i = 0; i < 4; i++) await append(log, 'x', 8 * MiB);
    let isThrough = false;
    const waiting = append(log, 'y', 8 * MiB).then(() => (isThrough = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isThrough).toBe(false);
    expect(await collect(log, undefined, 1)).toEqual(['0.op x']);
    await waiting;
    expect(isThrough).toBe(true);
  });

  it('keeps no more than it must of what was sent', async () => {
    const log = new ResponseLog(true);
    for (let i = 0; i < 40; i++) {
      await append(log, 'x', MiB);
      await collect(log, i === 0 ? undefined : `${i - 1}.op`, 1);
    }
    await expect(collect(log, '10.op', 1)).rejects.toThrow('POSITION_NOT_AVAILABLE');
    expect(await collect(log, '30.op', 1)).toEqual(['31.op x']);
    const plain = new ResponseLog(false);
    await append(plain, 'a');
    await append(plain, 'b');
    await collect(plain, undefined, 2);
    await expect(collect(plain, undefined, 1)).rejects.toThrow('POSITION_NOT_AVAILABLE');
  });

  it('ends a reader that another one has taken over from', async () => {
    const log = new ResponseLog(true);
    const first = collect(log);
    const rejected = expect(first).rejects.toThrow('INVALID_CURSOR.DISCONNECTED');
    await new Promise((resolve) => setImmediate(resolve));
    const second = collect(log);
    await rejected;
    await append(log, 'a');
    log.end();
    expect(await second).toEqual(['0.op a']);
  });

  it('lets a reader go that is no longer interested', async () => {
    const log = new ResponseLog(true);
    const controller = new AbortController();
    const reader = log.read(undefined, controller.signal).next();
    controller.abort();
    expect(await reader).toEqual({ done: true, value: undefined });
  });
});
