import type { Log } from '../log.ts';
import { EmbeddedSink } from './embedded-sink.ts';
import { EmbeddedSource } from './embedded-source.ts';
import { LogClient, type LogClientOptions } from './log-client.ts';

/** The embedded log of `services/log` behind the log's interface. */
export function openEmbeddedLog(options: LogClientOptions): Log {
  const client = new LogClient(options);
  const sink = new EmbeddedSink(client, options);
  return {
    source: new EmbeddedSource(client, options),
    sink,
    async close() {
      sink.close();
      client.close();
    },
  };
}
