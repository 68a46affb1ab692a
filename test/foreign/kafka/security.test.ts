import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveLog } from '../../../driver/session/resolve-log.ts';
import { LogClients } from '../../../executor/stream/log-clients.ts';
import type { Log } from '../../../log/log.ts';
import { type OpenLogOptions, openLog } from '../../../log/open-log.ts';
import { readAll } from '../../conformance/log/log-suite.ts';
import { type KafkaBroker, startKafkaBroker } from '../../services/kafka-broker.ts';
import {
  ALICE,
  jaasOf,
  makeCertificates,
  secured,
  type TestCertificates,
} from '../../services/kafka-security.ts';

type Settings = Record<string, string>;

/** A broker's listeners as they are in a company: TLS, client certificates, passwords. */
describe('Kafka behind TLS and SASL', () => {
  let directory: string;
  let certificates: TestCertificates;
  let broker: KafkaBroker;
  const opened: Log[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quarry-certificates-'));
    certificates = makeCertificates(directory);
    broker = await startKafkaBroker({ ...secured(certificates), quick: true });
  }, 120_000);
  afterAll(async () => {
    for (const log of opened) await log.close();
    await broker?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const open = async (listener: string, settings: Settings, options: OpenLogOptions = {}) => {
    const log = await openLog(`kafka://${broker.listeners[listener]}`, { settings, ...options });
    opened.push(log);
    return log;
  };
  const trusting = (more: Settings = {}): Settings => ({
    'kafka.security.protocol': 'SSL',
    'kafka.ssl.truststore.type': 'PEM',
    'kafka.ssl.truststore.location': certificates.authority,
    ...more,
  });
  const login = (mechanism: string, more: Settings = {}): Settings => ({
    'kafka.security.protocol': 'SASL_PLAINTEXT',
    'kafka.sasl.mechanism': mechanism,
    'kafka.sasl.jaas.config': jaasOf(mechanism, ALICE),
    ...more,
  });
  const failure = async (log: Log) => {
    const startedMs = performance.now();
    const error = (await log.source.topics().catch((thrown: unknown) => thrown)) as {
      code?: string;
      message?: string;
    };
    // Nothing that waiting mends: no 30 s of trying again.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    return `${error.code}: ${error.message}`;
  };
  const roundTrip = async (log: Log) => {
    const topic = `t-${randomBytes(5).toString('hex')}`;
    await log.sink.createTopic(topic, { partitions: 1 });
    const value = randomBytes(2_000_000).toString('base64').slice(0, 900_000);
    const record = { topic, key: null, timestampMs: Date.now() };
    await log.sink.append([0, 1, 2].map(() => ({ ...record, value: Buffer.from(value) })));
    const producer = await log.sink.transactional(`p-${topic}`);
    await producer.commit([{ ...record, value: Buffer.from('last') }]);
    await producer.close();
    const read = (await readAll(log, topic)).map((each) => each.value);
    expect(read.length).toBe(4);
    expect(read[2] === value).toBe(true);
    expect(read[3]).toBe('last');
  };

  it('is read and written over TLS', async () => {
    await roundTrip(await open('SSL', trusting()));
    const url = `kafka+ssl://${broker.listeners['SSL']}?ssl.truststore.location=${certificates.authority}`;
    const log = await openLog(url);
    opened.push(log);
    expect((await log.source.topics()).length).toBeGreaterThan(0);
  });

  it('shows a client certificate where one is wanted', async () => {
    const own = { 'kafka.ssl.keystore.type': 'PEM', 'kafka.ssl.keystore.location': certificates.client };
    await roundTrip(await open('MUTUAL', trusting(own)));
    expect(await failure(await open('MUTUAL', trusting()))).toMatch(
      /^PERMISSION_DENIED.*ssl.keystore.location/,
    );
  });

  it('does not speak to a broker whose certificate it cannot trust', async () => {
    const strange = trusting({ 'kafka.ssl.truststore.location': certificates.stranger });
    expect(await failure(await open('SSL', strange))).toMatch(
      /^PERMISSION_DENIED.*not trusted.*ssl.truststore/,
    );
    // The certificate is for 127.0.0.1.
    const port = broker.listeners['SSL']!.split(':')[1];
    const named = await openLog(`kafka://localhost:${port}`, { settings: trusting() });
    opened.push(named);
    expect(await failure(named)).toMatch(/^PERMISSION_DENIED.*not trusted/);
    const careless = await openLog(`kafka://localhost:${port}`, {
      settings: trusting({ 'kafka.ssl.endpoint.identification.algorithm': '' }),
    });
    opened.push(careless);
    expect((await careless.source.topics()).length).toBeGreaterThan(0);
  });

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('lets a user in with %s', async (mechanism) => {
    await roundTrip(await open('SASL', login(mechanism)));
    const wrong = { ...ALICE, password: 'sesame' };
    const refused = await failure(
      await open('SASL', login(mechanism, { 'kafka.sasl.jaas.config': jaasOf(mechanism, wrong) })),
    );
    expect(refused).toMatch(/^PERMISSION_DENIED.*"alice".*sasl.jaas.config/);
    expect(refused).not.toContain('sesame');
  });

  it('goes on when the login ends, with the settings from a file', async () => {
    const file = join(directory, 'client.properties');
    const lines = Object.entries({
      ...login('SCRAM-SHA-512'),
      ...trusting(),
      'security.protocol': 'SASL_SSL',
    })
      .filter(([name]) => name !== 'kafka.security.protocol')
      .map(([name, value]) => `${name.replace(/^kafka\./, '')}=${value}`);
    await writeFile(file, lines.join('\n'));
    const log = await openLog(`kafka://${broker.listeners['SASL_SSL']}?properties=${file}`);
    opened.push(log);
    const topic = `t-${randomBytes(5).toString('hex')}`;
    await log.sink.createTopic(topic, { partitions: 1 });
    const untilMs = performance.now() + 3_500;
    let sent = 0;
    for (; performance.now() < untilMs; sent++) {
      await log.sink.append([
        { topic, key: null, value: Buffer.from(String(sent)), timestampMs: Date.now() },
      ]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await readAll(log, topic)).map(({ value }) => Number(value))).toEqual(
      Array.from({ length: sent }, (_, index) => index),
    );
  });

  it("takes a Spark user's options from the driver to an executor", async () => {
    const topic = `t-${randomBytes(5).toString('hex')}`;
    const secure = { ...trusting(), ...login('SCRAM-SHA-512'), 'kafka.security.protocol': 'SASL_SSL' };
    const writer = await open('SASL_SSL', secure, { compression: 'zstd' });
    await writer.sink.createTopic(topic, { partitions: 1 });
    const values = Array.from({ length: 1_000 }, (_, index) => `value ${index}`);
    await writer.sink.append(
      values.map((value) => ({ topic, key: null, value: Buffer.from(value), timestampMs: Date.now() })),
    );
    const servers = { 'kafka.bootstrap.servers': broker.listeners['SASL_SSL']!, subscribe: topic };
    const planned = await resolveLog({ format: 'kafka', options: { ...secure, ...servers } }, openLog);
    const clients = new LogClients('executor-1');
    const read: string[] = [];
    for await (const batch of (await clients.get(planned.url, planned.settings)).source.read(
      planned.ranges[0]!,
    ))
      read.push(...batch.values.map(String));
    await clients.close();
    expect(read).toEqual(values);
    expect(JSON.stringify([planned.url, planned.ranges])).not.toContain(ALICE.password);
  });

  it('says what does not go together', async () => {
    expect(await failure(await open('SSL', {}))).toMatch(/^INVALID_ARGUMENT.*speaks TLS.*security.protocol/);
    expect(await failure(await open('SASL_SSL', login('PLAIN')))).toMatch(/^INVALID_ARGUMENT.*speaks TLS/);
    const sha256 = { ...trusting(), ...login('SCRAM-SHA-256'), 'kafka.security.protocol': 'SASL_SSL' };
    expect(await failure(await open('SASL_SSL', sha256))).toMatch(
      /^UNSUPPORTED.*does not offer SCRAM-SHA-256.*PLAIN, SCRAM-SHA-512/,
    );
    const plain = await openLog(broker.url, { settings: login('PLAIN') });
    opened.push(plain);
    expect(await failure(plain)).toMatch(/^INVALID_ARGUMENT.*without SASL/);
    // These look like a broker that goes away, so they are tried again; the reason says what else it may be.
    const hasty = { timeoutMs: 700 };
    expect(await failure(await open('SASL', {}, hasty))).toMatch(/^LOG_UNAVAILABLE.*wants SASL/);
    const overPlain = await openLog(broker.url, { settings: trusting(), ...hasty });
    opened.push(overPlain);
    expect(await failure(overPlain)).toMatch(/^LOG_UNAVAILABLE.*without TLS/);
  });
});
