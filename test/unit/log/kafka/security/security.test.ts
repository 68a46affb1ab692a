import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJaas } from '../../../../../log/kafka/security/jaas.ts';
import { parseProperties } from '../../../../../log/kafka/security/properties-file.ts';
import { scramClient } from '../../../../../log/kafka/security/scram.ts';
import { readKafkaSettings } from '../../../../../log/kafka/kafka-settings.ts';

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule';

describe('Kafka security settings', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quarry-settings-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const read = (settings: Record<string, string>, tls = false) => readKafkaSettings(settings, { tls });
  const jaas = (module: string) => `${module} required username="alice" password="p=w; \\"x\\"";`;

  it('are nothing unless told', async () => {
    expect(await read({})).toEqual({
      security: {},
      compression: 'none',
      transactionTimeoutMs: 60_000,
      clientId: undefined,
    });
  });

  it('take a login in the words of Spark and of Kafka', async () => {
    for (const prefix of ['kafka.', '']) {
      const { security, compression } = await read({
        [`${prefix}security.protocol`]: 'SASL_PLAINTEXT',
        [`${prefix}sasl.mechanism`]: 'SCRAM-SHA-512',
        [`${prefix}sasl.jaas.config`]: jaas(SCRAM),
        [`${prefix}compression.type`]: 'zstd',
        [`${prefix}max.poll.records`]: '500',
      });
      expect(security).toEqual({
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'alice', password: 'p=w; "x"' },
      });
      expect(compression).toBe('zstd');
    }
  });

  it.each([
    [{ 'security.protocol': 'TLS' }, 'INVALID_ARGUMENT', /security.protocol is TLS/],
    [
      { 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': jaas(PLAIN) },
      'INVALID_ARGUMENT',
      /is PLAINTEXT.*SASL_SSL/,
    ],
    [{ 'security.protocol': 'SASL_SSL' }, 'INVALID_ARGUMENT', /sasl.mechanism is not given/],
    [{ 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'GSSAPI' }, 'UNSUPPORTED', /GSSAPI.*PLAIN, SCRAM/],
    [
      { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN' },
      'INVALID_ARGUMENT',
      /jaas.config is not given/,
    ],
    [
      { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': jaas(SCRAM) },
      'INVALID_ARGUMENT',
      /PlainLoginModule/,
    ],
    [
      { 'security.protocol': 'SSL', 'ssl.truststore.location': '/no/such' },
      'INVALID_ARGUMENT',
      /no such file/,
    ],
    [{ 'security.protocol': 'SSL', 'ssl.keystore.key': 'x' }, 'INVALID_ARGUMENT', /certificate.chain/],
    [
      { 'security.protocol': 'SSL', 'ssl.keystore.key': 'x', 'ssl.keystore.certificate.chain': 'y' },
      'INVALID_ARGUMENT',
      /do not fit together/,
    ],
    [{ 'compression.type': 'brotli' }, 'INVALID_ARGUMENT', /gzip, snappy, lz4, zstd/],
    [{ 'transaction.timeout.ms': '1m' }, 'INVALID_ARGUMENT', /milliseconds/],
  ])('are refused: %j', async (settings, code, message) => {
    await expect(read(settings as unknown as Record<string, string>)).rejects.toMatchObject({
      code,
      message,
    });
  });

  it('name the way out of a JKS store, and do not contradict the URL', async () => {
    const store = join(directory, 'store.jks');
    await writeFile(store, Buffer.from([0xfe, 0xed, 0xfe, 0xed]));
    const jks = { 'security.protocol': 'SSL', 'ssl.truststore.location': store };
    await expect(read(jks)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: /openssl pkcs12/ });
    await expect(read({ ...jks, 'ssl.truststore.type': 'JKS' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
    await expect(read({ 'security.protocol': 'PLAINTEXT' }, true)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect((await read({}, true)).security.tls?.checksHost).toBe(true);
    expect((await read({ 'ssl.endpoint.identification.algorithm': '' }, true)).security.tls?.checksHost).toBe(
      false,
    );
  });
});

describe('sasl.jaas.config', () => {
  it('is read with any quotes, blanks and escapes', () => {
    const text = `\n  ${PLAIN}  required\n username='al ice'\n  password="a\\"b\\\\c" serviceName=kafka ; `;
    expect(parseJaas(text)).toEqual({
      module: 'PlainLoginModule',
      options: { username: 'al ice', password: 'a"b\\c', serviceName: 'kafka' },
    });
  });

  it.each([
    '',
    PLAIN,
    `${PLAIN} required`,
    `${PLAIN} required username="a`,
    `${PLAIN} required username "a";`,
    `${PLAIN} required a="b" c;`,
  ])('is refused without being shown: %s', (text) => {
    expect(() => parseJaas(text)).toThrow(/sasl.jaas.config is not of the form/);
  });
});

describe('a file of properties', () => {
  it('is read as Java reads it', () => {
    const text = [
      '# a comment',
      '! another',
      '',
      'security.protocol=SASL_SSL',
      ' sasl.mechanism : PLAIN ',
      'ssl.truststore.location /etc/ca.pem',
      'sasl.jaas.config=a required \\',
      '    username="x" password="\\u00e9\\\\";',
      'ssl.endpoint.identification.algorithm=',
    ].join('\r\n');
    expect(parseProperties(text)).toEqual({
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'PLAIN ',
      'ssl.truststore.location': '/etc/ca.pem',
      'sasl.jaas.config': 'a required username="x" password="é\\";',
      'ssl.endpoint.identification.algorithm': '',
    });
  });
});

describe('SCRAM', () => {
  // RFC 7677, section 3.
  const user = { username: 'user', password: 'pencil' };
  const nonce = 'rOprNGfwEbeRWgbNEkqO';
  const serverFirst = Buffer.from(
    `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
  );

  it('proves the password and checks that the server has it', async () => {
    const client = scramClient('sha256', user, nonce);
    expect(client.first.toString()).toBe(`n,,n=user,r=${nonce}`);
    expect((await client.final(serverFirst)).toString()).toBe(
      `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    );
    client.verify(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='));
    expect(() => client.verify(Buffer.from('v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))).toThrow(
      /did not prove/,
    );
    expect(() => client.verify(Buffer.from('e=other-error'))).toThrow(/other-error/);
  });

  it('refuses another nonce and too little work', async () => {
    const client = scramClient('sha512', user, nonce);
    await expect(client.final(Buffer.from('r=another,s=AAAA,i=4096'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    await expect(client.final(Buffer.from(`r=${nonce}x,s=AAAA,i=1`))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  it('escapes names', () => {
    const { first } = scramClient('sha256', { username: 'a=b,c', password: '' }, 'n');
    expect(first.toString()).toBe('n,,n=a=3Db=2Cc,r=n');
  });
});
