import { describe, expect, it } from 'vitest';
import { openLog } from '../../../log/open-log.ts';

describe('openLog', () => {
  it('refuses what is no log', async () => {
    for (const url of [
      '',
      'redis://127.0.0.1:1',
      'kafka://',
      'kafka://host',
      'kafka://h:1,',
      'quarry-log://h:1,h:2',
    ]) {
      await expect(openLog(url), url).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('says that nobody answers, in its time', async () => {
    for (const url of ['kafka://127.0.0.1:1', 'quarry-log://127.0.0.1:1']) {
      const log = await openLog(url, { timeoutMs: 200 });
      await expect(log.source.topics()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', reaction: 'retry' });
      await expect(log.sink.createTopic('t', { partitions: 1 })).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
      });
      await log.close();
    }
  });
});
