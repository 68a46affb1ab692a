import type { Logger } from '../log.ts';
import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import type { Net } from './net.ts';
import type { Proc } from './proc.ts';
import type { Random } from './random.ts';
import type { Rpc } from './rpc.ts';

/** Everything through which a role touches the world; the simulator has a twin of each. */
export interface Seams {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly rpc: Rpc;
  readonly disk: Disk;
  readonly proc: Proc;
  readonly log: Logger;
}
