import type { Clock } from '../seams/clock.ts';
import type { Net } from '../seams/net.ts';
import { Wire } from './wire.ts';

/** A datanode keeps an idle connection for 4 s (KEEP_ALIVE_MS): one that is older is not worth the try. */
const IDLE_MAX_MS = 3_000;
const IDLE_PER_ADDRESS_MAX = 16;

export const KEEP_ALIVE_MS = 4_000;

interface Idle {
  readonly wire: Wire;
  readonly sinceMs: number;
}

/** Connections between two reads. An idle one does not keep the process alive; the datanode closes it. */
export class ConnectionPool {
  readonly #net: Net;
  readonly #clock: Clock;
  readonly #idle = new Map<string, Idle[]>();

  constructor(net: Net, clock: Clock) {
    this.#net = net;
    this.#clock = clock;
  }

  /** An idle connection that was in order when last looked at. It may have been closed since. */
  takeIdle(address: string): Wire | undefined {
    const idle = this.#idle.get(address);
    for (let entry = idle?.pop(); entry !== undefined; entry = idle?.pop()) {
      const fresh = this.#clock.monoMs() - entry.sinceMs < IDLE_MAX_MS;
      if (fresh && !entry.wire.closed && entry.wire.bufferedBytes === 0) {
        keepsProcessAlive(entry.wire, true);
        return entry.wire;
      }
      entry.wire.destroy();
    }
    return undefined;
  }

  /** Errors: PEER_UNREACHABLE, DEADLINE. */
  async connect(address: string, timeoutMs: number): Promise<Wire> {
    const wire = new Wire(await this.#net.connect(address, { timeoutMs }), this.#clock);
    wire.stream.once('close', () => this.#forget(address, wire));
    return wire;
  }

  /** Takes back a connection whose exchange is complete. */
  release(address: string, wire: Wire): void {
    const idle = this.#idle.get(address) ?? [];
    if (wire.closed || idle.length >= IDLE_PER_ADDRESS_MAX) {
      wire.destroy();
      return;
    }
    keepsProcessAlive(wire, false);
    idle.push({ wire, sinceMs: this.#clock.monoMs() });
    this.#idle.set(address, idle);
  }

  #forget(address: string, wire: Wire): void {
    const left = (this.#idle.get(address) ?? []).filter((entry) => entry.wire !== wire);
    if (left.length === 0) this.#idle.delete(address);
    else this.#idle.set(address, left);
  }
}

const pools = new WeakMap<Net, ConnectionPool>();

/** The pool of everything that shares this network. */
export function connectionPool(net: Net, clock: Clock): ConnectionPool {
  let pool = pools.get(net);
  if (pool === undefined) {
    pool = new ConnectionPool(net, clock);
    pools.set(net, pool);
  }
  return pool;
}

function keepsProcessAlive(wire: Wire, alive: boolean): void {
  // Only sockets know this; a simulated stream has no process to keep.
  const stream = wire.stream as { ref?: () => void; unref?: () => void };
  if (alive) stream.ref?.();
  else stream.unref?.();
}
