import { Duplex } from 'node:stream';
import { QuarryError } from '../../../../common/quarry-error.ts';
import type { Listener, Net } from '../../../../common/seams/net.ts';

/** What a link does to the bytes of one direction. */
export interface Fault {
  /** Bytes pass through here; what is returned arrives. */
  readonly change?: (bytes: Buffer) => Buffer;
}

class Half extends Duplex {
  peer!: Half;
  fault: Fault = {};
  frozen = false;
  #waiting: (() => void) | undefined;
  #held: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 64 * 1024, allowHalfOpen: false });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const deliver = () => {
      setImmediate(() => {
        if (this.peer.destroyed) {
          done(new Error('write EPIPE'));
          return;
        }
        const bytes = this.fault.change?.(Buffer.from(chunk)) ?? Buffer.from(chunk);
        if (this.peer.push(bytes)) done();
        else this.peer.#waiting = done;
      });
    };
    if (this.frozen || this.peer.frozen) this.#held.push(deliver);
    else deliver();
  }

  override _read(): void {
    const done = this.#waiting;
    this.#waiting = undefined;
    done?.();
  }

  override _final(done: () => void): void {
    setImmediate(() => {
      if (!this.peer.destroyed) this.peer.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const release = this.#waiting;
    this.#waiting = undefined;
    release?.();
    setImmediate(() => {
      if (!this.peer.destroyed && !this.frozen) this.peer.destroy(new Error('ECONNRESET'));
    });
    done(error);
  }
}

export interface Link {
  readonly address: string;
  /** The end of the one who connected. */
  readonly near: Half;
  readonly far: Half;
}

/** Listeners and connections within this process; each connection can be made to fail. */
export class PairNet implements Net {
  readonly links: Link[] = [];
  connects = 0;
  /** Called with each new link, before bytes flow. */
  onLink: (link: Link) => void = () => undefined;
  readonly #listeners = new Map<string, (stream: Duplex) => void>();
  #port = 40_000;

  async connect(address: string): Promise<Duplex> {
    this.connects++;
    await Promise.resolve();
    const accept = this.#listeners.get(address);
    if (accept === undefined) throw new QuarryError('PEER_UNREACHABLE', `nobody listens at ${address}`);
    const near = new Half();
    const far = new Half();
    near.peer = far;
    far.peer = near;
    const link = { address, near, far };
    this.links.push(link);
    this.onLink(link);
    accept(far);
    return near;
  }

  listen(address: string, onConnection: (stream: Duplex) => void): Promise<Listener> {
    const bound = address.endsWith(':0') ? `dn:${this.#port++}` : address;
    this.#listeners.set(bound, onConnection);
    const close = () => {
      this.#listeners.delete(bound);
      return Promise.resolve();
    };
    return Promise.resolve({ address: bound, close });
  }

  /** The node behind an address stops without a word, as under SIGSTOP: connections open, nothing moves in them. */
  freeze(address: string): void {
    for (const link of this.links) {
      if (link.address === address) {
        link.near.frozen = true;
        link.far.frozen = true;
      }
    }
  }

  /** As kill -9: every connection of the address is reset and nobody listens any more. */
  kill(address: string): void {
    this.#listeners.delete(address);
    for (const link of this.links) if (link.address === address) link.far.destroy();
  }
}
