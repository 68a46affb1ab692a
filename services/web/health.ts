import { QuarryError } from '../../common/quarry-error.ts';
import type { Clock } from '../../common/seams/clock.ts';
import type { HealthAnswer, PartHealth } from '../../common/serving-api.ts';
import type { Log } from '../../log/log.ts';
import type { Addresses } from './addresses.ts';
import { within } from './cached.ts';

/** What a check says when the part is up. */
export type Check = () => Promise<string>;

export interface HealthParts {
  readonly addresses: Addresses;
  readonly clock: Clock;
  readonly log: (url: string) => Promise<Log>;
  readonly topic: string;
  readonly checks: Readonly<Record<'driver' | 'view' | 'tables' | 'workflow', Check>>;
}

const TIMEOUT_MS = 4_000;

/** The state of every part, asked side by side. */
export async function health({ addresses, clock, log, topic, checks }: HealthParts): Promise<HealthAnswer> {
  const located = await addresses.now();
  const checkLog = async () => {
    const offsets = await (await log(located.log)).source.latest(topic);
    const records = offsets.reduce((sum, { offset }) => sum + offset, 0);
    return `${records.toLocaleString('en-US')} offsets in ${offsets.length} partitions of ${topic}`;
  };
  const parts = await Promise.all([
    part(clock, 'log', located.log, checkLog),
    ...(['view', 'tables', 'driver', 'workflow'] as const).map((name) =>
      part(clock, name, located[name], checks[name]),
    ),
    ...[...located.processes].map(([name, pid]) => Promise.resolve(processHealth(name, pid))),
  ]);
  const links = [
    { name: 'Namenode', url: located.namenode },
    { name: 'Jobs', url: located.driver },
  ].filter(({ url }) => /^https?:\/\//.test(url));
  return { parts, links };
}

async function part(clock: Clock, name: string, url: string, check: Check): Promise<PartHealth> {
  if (url === '') return { name, state: 'absent', detail: 'not configured' };
  try {
    return { name, state: 'up', detail: await within(clock, TIMEOUT_MS, `the ${name}`, check()) };
  } catch (thrown) {
    return { name, state: 'down', detail: QuarryError.from(thrown).message };
  }
}

/** A service without a door, of this machine. */
function processHealth(name: string, pid: number): PartHealth {
  try {
    process.kill(pid, 0);
    return { name, state: 'up', detail: `process ${pid}` };
  } catch {
    return { name, state: 'down', detail: `process ${pid} has ended` };
  }
}
