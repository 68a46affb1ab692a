import { AccessLog } from '../services/clicks/access-log.ts';
import { clicks, type ClickOptions, ClickTruth } from '../services/clicks/click-generator.ts';

const LINES_A_WRITE = 500;
const LINES_A_FILE = 50_000;
const ROTATION = { rotation: 'rename', rotateLines: LINES_A_FILE } as const;

/** Writes all the clicks as fast as the disk takes them, rotated as a web server's log is, and counts what is true of them. */
export async function writeClicks(
  file: string,
  options: ClickOptions,
  onProgress: (clicks: number) => void,
): Promise<ClickTruth> {
  const log = new AccessLog(file, ROTATION);
  const truth = new ClickTruth();
  let lines: string[] = [];
  for (const generated of clicks(options)) {
    truth.add(generated);
    lines.push(generated.line);
    if (lines.length < LINES_A_WRITE) continue;
    log.write(lines);
    lines = [];
    onProgress(truth.total + truth.late);
    // Others in this process get their turn: it watches a cluster.
    await new Promise((resolve) => setImmediate(resolve));
  }
  log.write(lines);
  log.sync();
  return truth;
}

/** Writes clicks as their event times come, until the signal. */
export async function writeClicksLive(
  file: string,
  options: ClickOptions,
  signal: AbortSignal,
): Promise<void> {
  const log = new AccessLog(file, ROTATION);
  const generator = clicks(options);
  const perMs = options.count / (options.untilMs - options.fromMs);
  let written = 0;
  while (!signal.aborted) {
    const due = Math.floor((Date.now() - options.fromMs) * perMs) - written;
    const lines: string[] = [];
    while (lines.length < due) {
      const next = generator.next();
      if (next.done === true) break;
      lines.push(next.value.line);
    }
    log.write(lines);
    written += lines.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
