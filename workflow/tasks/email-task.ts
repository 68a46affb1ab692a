import { createTransport } from 'nodemailer';
import { QuarryError } from '../../common/quarry-error.ts';
import type { EmailAction, Json } from '../core/dag-model.ts';

const TIMEOUT_MS = 30_000;

/** Errors: INVALID_ARGUMENT. The message has no password. */
function serverUrl(text: string): URL {
  if (/^smtps?:\/\//.test(text) && URL.canParse(text)) return new URL(text);
  throw new QuarryError(
    'INVALID_ARGUMENT',
    `${text.replace(/[^/]*@/, '')} is no mail server: write smtp://HOST:PORT or smtps://HOST:PORT`,
  );
}

/** Errors: INVALID_ARGUMENT without a server or with a wrong one, TASK_FAILED when the server refuses or cannot be reached. */
export async function runEmail(action: EmailAction, defaultServer: string): Promise<Json> {
  const server = action.server === '' ? defaultServer : action.server;
  if (server === '')
    throw new QuarryError(
      'INVALID_ARGUMENT',
      'no SMTP server: set workflow.smtpUrl=smtp://HOST:PORT, or give the e-mail a server',
    );
  const { host } = serverUrl(server);
  const transport = createTransport({
    url: server,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  const { from, to, cc, subject, text, html } = action;
  try {
    const sent = await transport.sendMail({
      from,
      to: [...to],
      cc: [...cc],
      subject,
      text,
      ...(html === '' ? {} : { html }),
    });
    console.log(`${sent.messageId} to ${to.join(', ')}: ${sent.response}`);
    const rejected = sent.rejected.map(String);
    if (rejected.length > 0)
      throw new QuarryError('TASK_FAILED', `the mail server refused ${rejected.join(', ')}`);
    return { messageId: sent.messageId };
  } catch (thrown) {
    if (thrown instanceof QuarryError) throw thrown;
    throw new QuarryError(
      'TASK_FAILED',
      `the mail server ${host} did not take it: ${(thrown as Error).message}`,
      {
        cause: thrown,
      },
    );
  } finally {
    transport.close();
  }
}
