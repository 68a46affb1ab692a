import { hostname } from 'node:os';
import { json, notFound, serveHttp } from '../../common/http-door.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { StartRole } from '../../common/role.ts';
import { openLog } from '../../log/open-log.ts';
import { required } from '../told.ts';
import { Agent, type AgentOptions } from './agent.ts';

const MiB = 1024 * 1024;

/**
 * The log agent as a process. Told by `service`: `log` (URL), `globs` (one a line), `topic`, and where they differ from these
 * `deadLetterTopic` (TOPIC-dead), `offsetsTopic` (TOPIC-agent-offsets), `name` (the host's), `keyField` (product), `timeField`
 * (msec), `partitions` (3, of a topic that it makes). Serves GET /status.
 */
export const start: StartRole = async (options, config, seams) => {
  const told = options.service ?? {};
  const log = await openLog(required('the agent', told, 'log'), {
    clientId: `quarry-agent-${told['name'] ?? hostname()}`,
  });
  const agentOptions = readOptions(told);
  const http = await serveHttp(config['bind.host'], 0, (path) =>
    path === '/status' ? json(agent.status) : notFound('GET /status'),
  );
  const agent = new Agent(agentOptions, log, seams.log);
  const running = agent.run().catch((thrown: unknown) => {
    // Nothing that waiting mends: the launcher starts the agent again, or a person reads why.
    seams.log.fatal({ err: QuarryError.from(thrown) }, 'agent.failed');
    process.exit(1);
  });
  return {
    addresses: { http: http.address },
    close: async () => {
      agent.stop();
      await running;
      await http.close();
      await log.close();
    },
  };
};

function readOptions(told: Readonly<Record<string, string>>): AgentOptions {
  const topic = required('the agent', told, 'topic');
  return {
    topic,
    deadLetterTopic: told['deadLetterTopic'] ?? `${topic}-dead`,
    offsetsTopic: told['offsetsTopic'] ?? `${topic}-agent-offsets`,
    name: told['name'] ?? hostname(),
    globs: required('the agent', told, 'globs').split('\n'),
    keyField: told['keyField'] ?? 'product',
    timeField: told['timeField'] ?? 'msec',
    partitions: Number(told['partitions'] ?? 3),
    pollMs: Number(told['pollMs'] ?? 200),
    lineBytesMax: Number(told['lineBytesMax'] ?? MiB / 4),
  };
}
