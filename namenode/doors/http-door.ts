import {
  type HttpAnswer,
  type HttpDoor,
  json,
  metrics,
  notFound,
  page,
  serveHttp,
} from '../../common/http-door.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { CommandShell } from '../command-shell.ts';
import { getStatus } from '../status-queries.ts';
import { metricsText } from './metrics.ts';
import { statusPage } from './status-page.ts';
import { webHdfs } from './webhdfs-door.ts';

/** / (status), /status.json, /metrics, and WebHDFS under /webhdfs/v1/. Errors: PORT_IN_USE. */
export function serveStatus(
  namenode: CommandShell,
  clock: Clock,
  { host, port }: { host: string; port: number },
): Promise<HttpDoor> {
  const pages = (path: string): HttpAnswer => {
    const status = getStatus(namenode.state, clock.monoMs());
    switch (path) {
      case '/':
        return page(statusPage(status));
      case '/status.json':
        return json(status);
      case '/metrics':
        return metrics(metricsText(namenode, status));
      default:
        return notFound('there are /, /status.json, /metrics and /webhdfs/v1/');
    }
  };
  return serveHttp(host, port, pages, webHdfs(namenode));
}
