import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { QuarryError } from '../../../common/quarry-error.ts';

const derive = promisify(pbkdf2);

export type ScramHash = 'sha256' | 'sha512';

/** More would be a broker that makes its client compute for minutes. */
const ITERATIONS_MAX = 1_000_000;
const ITERATIONS_MIN = 4_096;

export interface ScramClient {
  readonly first: Buffer;
  /** The answer to the server's first message. Errors: PERMISSION_DENIED for a message that is none. */
  final(serverFirst: Buffer): Promise<Buffer>;
  /** Errors: PERMISSION_DENIED when the server does not know the password either. */
  verify(serverFinal: Buffer): void;
}

/** RFC 5802 without channel binding, as Kafka speaks it. */
export function scramClient(
  hash: ScramHash,
  { username, password }: { readonly username: string; readonly password: string },
  nonce = randomBytes(24).toString('base64url'),
): ScramClient {
  const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C');
  const firstBare = `n=${name},r=${nonce}`;
  let signature: Buffer | undefined;
  const hmac = (key: Buffer, text: Buffer | string) => createHmac(hash, key).update(text).digest();
  return {
    first: Buffer.from(`n,,${firstBare}`),
    async final(bytes) {
      const serverFirst = bytes.toString();
      const fields = fieldsOf(serverFirst);
      const [serverNonce, salt, iterations] = [fields.get('r'), fields.get('s'), Number(fields.get('i'))];
      const isSound =
        Number.isInteger(iterations) && iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX;
      if (!serverNonce?.startsWith(nonce) || salt === undefined || !isSound) {
        throw refused('the broker sent what is no SCRAM challenge, or fewer than 4096 iterations');
      }
      const length = createHash(hash).digest().length;
      const salted = await derive(password, Buffer.from(salt, 'base64'), iterations, length, hash);
      const clientKey = hmac(salted, 'Client Key');
      const storedKey = createHash(hash).update(clientKey).digest();
      // biws: no channel binding, in base64.
      const withoutProof = `c=biws,r=${serverNonce}`;
      const exchanged = `${firstBare},${serverFirst},${withoutProof}`;
      const clientSignature = hmac(storedKey, exchanged);
      signature = hmac(hmac(salted, 'Server Key'), exchanged);
      const proof = clientKey.map((byte, index) => byte ^ clientSignature[index]!);
      return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
    },
    verify(bytes) {
      const fields = fieldsOf(bytes.toString());
      const told = Buffer.from(fields.get('v') ?? '', 'base64');
      if (signature === undefined || told.length !== signature.length || !timingSafeEqual(told, signature)) {
        throw refused(
          `the broker did not prove that it knows the password (${fields.get('e') ?? 'wrong signature'})`,
        );
      }
    },
  };
}

function fieldsOf(message: string): Map<string, string> {
  return new Map(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}

function refused(why: string): QuarryError {
  return new QuarryError('PERMISSION_DENIED', `SCRAM: ${why}`);
}
