import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

  it('takes settings behind the URL, but no secrets in it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'quarry-open-log-'));
    const file = join(directory, 'client.properties');
    const jaas = 'a.PlainLoginModule required username="u" password="p";';
    await writeFile(
      file,
      `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OTHER\nsasl.jaas.config=${jaas}\n`,
    );
    const open = async (url: string, settings = {}) => (await openLog(url, { settings })).close();
    try {
      await open('kafka://h:1,[::1]:2?compression.type=lz4');
      await open('kafka+ssl://h:1');
      // The URL comes before its file, and the caller before the URL.
      await expect(open(`kafka://h:1?properties=${file}`)).rejects.toMatchObject({ message: /OTHER/ });
      await open(`kafka://h:1?properties=${file}&sasl.mechanism=PLAIN`);
      const third = { 'kafka.sasl.mechanism': 'THIRD' };
      await expect(open(`kafka://h:1?properties=${file}&sasl.mechanism=PLAIN`, third)).rejects.toMatchObject({
        message: /THIRD/,
      });
      for (const [url, message] of [
        ['kafka://u:secret@h:1', /properties=FILE/],
        [`kafka://h:1?sasl.jaas.config=${encodeURIComponent(jaas)}`, /properties=FILE/],
        ['kafka://h:1?properties=/no/such/file', /cannot be read/],
        ['kafka://h:1?compression.type=brotli', /compression.type/],
        ['quarry-log://h:1?compression.type=gzip', /is no log/],
      ] as const) {
        const refused = expect(open(url), url).rejects;
        await refused.toMatchObject({ code: 'INVALID_ARGUMENT', message });
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
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
