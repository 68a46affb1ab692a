import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaOptions } from './kafka-broker.ts';

/** PEM files in a directory: an authority, a broker's and a client's certificate of its, and one that nobody trusts. */
export interface TestCertificates {
  readonly authority: string;
  readonly broker: string;
  /** Key and certificate in one file, as `ssl.keystore.type=PEM` has them. */
  readonly client: string;
  readonly stranger: string;
}

/** Needs openssl. The broker's certificate is for 127.0.0.1 alone. */
export function makeCertificates(directory: string): TestCertificates {
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'ignore'] });
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  const signed = (name: string, by: string, more: string[] = []) => {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${by}.crt`,
      '-CAkey',
      `${by}.key`,
      '-CAcreateserial',
      '-days',
      '2',
      '-out',
      `${name}.crt`,
      ...more,
    );
    writeFileSync(
      file(`${name}.pem`),
      readFileSync(file(`${name}.key`), 'utf8') + readFileSync(file(`${name}.crt`), 'utf8'),
    );
  };
  writeFileSync(file('broker.ext'), 'subjectAltName=IP:127.0.0.1\n');
  authority('authority');
  authority('stranger');
  signed('broker', 'authority', ['-extfile', 'broker.ext']);
  signed('client', 'authority');
  return {
    authority: file('authority.crt'),
    broker: file('broker.pem'),
    client: file('client.pem'),
    stranger: file('stranger.crt'),
  };
}

export const ALICE = { username: 'alice', password: 'open-sesame' };

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule';

/** What a user of Kafka writes. */
export function jaasOf(mechanism: string, { username, password }: typeof ALICE): string {
  return `${mechanism === 'PLAIN' ? PLAIN : SCRAM} required username="${username}" password="${password}";`;
}

/**
 * Listeners SSL, MUTUAL (wants a client's certificate), SASL (in plain text) and SASL_SSL. The last has no SCRAM-SHA-256, and
 * believes a login for two seconds.
 */
export function secured({ authority, broker }: TestCertificates): KafkaOptions {
  const users = `${PLAIN} required user_${ALICE.username}="${ALICE.password}";`;
  const scram = `${SCRAM} required;`;
  return {
    listeners: { SSL: 'SSL', MUTUAL: 'SSL', SASL: 'SASL_PLAINTEXT', SASL_SSL: 'SASL_SSL' },
    scram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map(
      (mechanism) => `${mechanism}=[name=${ALICE.username},password=${ALICE.password}]`,
    ),
    settings: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': broker,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': authority,
      'listener.name.mutual.ssl.client.auth': 'required',
      'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl.plain.sasl.jaas.config': users,
      'listener.name.sasl.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.sasl.scram-sha-512.sasl.jaas.config': scram,
      'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
      'listener.name.sasl_ssl.plain.sasl.jaas.config': users,
      'listener.name.sasl_ssl.plain.connections.max.reauth.ms': '2000',
      'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
      'listener.name.sasl_ssl.scram-sha-512.connections.max.reauth.ms': '2000',
    },
  };
}
