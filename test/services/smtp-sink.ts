import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface SunkMessage {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body as they came. */
  readonly raw: string;
}

export interface SmtpSink {
  /** smtp://127.0.0.1:PORT, also after a restart. */
  readonly url: string;
  /** This process: the sink is part of it. */
  readonly pid: number;
  readonly messages: readonly SunkMessage[];
  /** Every recipient is refused until this is called with false. */
  refuse(isRefusing: boolean): void;
  /** Back on the same port; messages stay. */
  restart(): Promise<void>;
  /** Connections break and none is taken. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** A mail server that keeps what it gets: no TLS, no passwords. */
export async function startSmtpSink(): Promise<SmtpSink> {
  const messages: SunkMessage[] = [];
  const state = { isRefusing: false };
  const listen = (port: number) =>
    new Promise<SMTPServer>((resolve, reject) => {
      const server = new SMTPServer({
        disabledCommands: ['STARTTLS', 'AUTH'],
        closeTimeout: 200,
        onRcptTo(_address, _session, done) {
          if (state.isRefusing) done(Object.assign(new Error('mailbox unavailable'), { responseCode: 550 }));
          else done();
        },
        onData(stream, { envelope }, done) {
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('end', () => {
            messages.push({
              from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
              to: envelope.rcptTo.map(({ address }) => address),
              raw: Buffer.concat(chunks).toString(),
            });
            done();
          });
        },
      });
      // A client that breaks off is no error of the sink; one that cannot listen is.
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server));
    });
  let server = await listen(0);
  const { port } = server.server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return {
    url: `smtp://127.0.0.1:${port}`,
    pid: process.pid,
    messages,
    refuse: (isRefusing) => {
      state.isRefusing = isRefusing;
    },
    async restart() {
      await close();
      server = await listen(port);
    },
    kill: close,
    stop: close,
  };
}
