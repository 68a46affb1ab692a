import { Duplex } from 'node:stream';
import { QuarryError } from '../../common/quarry-error.ts';
import type { Net } from '../../common/seams/net.ts';
import type { CallOptions, Method, Rpc } from '../../common/seams/rpc.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimRandom } from './sim-random.ts';
import type { SimTime } from './sim-time.ts';

/** How the network treats messages; the probabilities may change while a run goes on. */
export interface NetworkWeather {
  latencyMsMax: number;
  dropProbability: number;
  duplicateProbability: number;
  /** A message that takes a hundred times as long. */
  delayProbability: number;
  /** A byte stream that is reset at a chunk. */
  resetProbability: number;
}

type Serve = (path: string, request: Buffer) => Promise<Buffer>;
interface ByteDoor {
  readonly process: SimProcess;
  readonly accept: (stream: Duplex) => void;
}

/** Calls and byte streams between simulated processes. */
export class SimNetwork {
  readonly weather: NetworkWeather = {
    latencyMsMax: 2,
    dropProbability: 0,
    duplicateProbability: 0,
    delayProbability: 0,
    resetProbability: 0,
  };
  readonly #time: SimTime;
  readonly #random: SimRandom;
  readonly #rpcDoors = new Map<string, { process: SimProcess; serve: Serve }>();
  readonly #byteDoors = new Map<string, ByteDoor>();
  readonly #cut = new Set<string>();
  readonly #streams = new Set<SimStream>();
  #nextPort = 1;

  constructor(time: SimTime, random: SimRandom) {
    this.#time = time;
    this.#random = random;
  }

  /** No message passes between these two nodes, either way, until `heal`. */
  cut(a: string, b: string): void {
    this.#cut.add(pair(a, b));
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The process has gone: its peers see their connections reset. */
  crashed(process: SimProcess): void {
    for (const stream of this.#streams) if (stream.local === process) stream.reset();
  }

  rpc(local: SimProcess): Rpc {
    return {
      client: {
        call: (address, method, request, options) => this.#call(local, address, method, request, options),
        stream: () => {
          throw new Error('server streams are not simulated');
        },
        close: () => Promise.resolve(),
      },
      createServer: () => {
        const handlers = new Map<string, (request: Buffer) => Promise<Buffer>>();
        let bound: string | undefined;
        return {
          handle: (method, handler) => {
            handlers.set(method.path, async (request) =>
              method.responseSerialize(
                await handler(method.requestDeserialize(request), { signal: new AbortController().signal }),
              ),
            );
          },
          handleStream: () => undefined,
          listen: async (address) => {
            bound = this.#bind(local, address);
            this.#rpcDoors.set(bound, {
              process: local,
              serve: (path, request) => {
                const handler = handlers.get(path);
                if (handler === undefined)
                  return Promise.reject(new QuarryError('UNSUPPORTED', `no method ${path}`));
                return handler(request);
              },
            });
            return bound;
          },
          close: async () => {
            if (bound !== undefined) this.#rpcDoors.delete(bound);
          },
        };
      },
    };
  }

  net(local: SimProcess): Net {
    return {
      connect: (address, options) => this.#connect(local, address, options.timeoutMs),
      listen: async (address, accept) => {
        const bound = this.#bind(local, address);
        this.#byteDoors.set(bound, { process: local, accept });
        return { address: bound, close: async () => void this.#byteDoors.delete(bound) };
      },
    };
  }

  /** Time on the way, or undefined when the message is lost. */
  travelMs(from: string, to: string): number | undefined {
    if (this.isCut(from, to) || this.#random.chance(this.weather.dropProbability)) return undefined;
    const base = 0.1 + (this.#random.int(1000) / 1000) * this.weather.latencyMsMax;
    return this.#random.chance(this.weather.delayProbability) ? base * 100 : base;
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.has(pair(a, b));
  }

  willReset(): boolean {
    return this.#random.chance(this.weather.resetProbability);
  }

  after(delayMs: number, run: () => void): void {
    this.#time.at(delayMs, run);
  }

  #bind(local: SimProcess, address: string): string {
    const port = address.slice(address.lastIndexOf(':') + 1);
    return port === '0' ? `${local.node}:${this.#nextPort++}` : `${local.node}:${port}`;
  }

  #call<ReqIn, ResIn, ReqOut, ResOut>(
    local: SimProcess,
    address: string,
    method: Method<ReqIn, ResIn, ReqOut, ResOut>,
    request: ReqIn,
    { timeoutMs, signal }: CallOptions,
  ): Promise<ResOut> {
    const bytes = method.requestSerialize(request);
    return new Promise((resolve, reject) => {
      // What a crashed process still runs in this thread reaches nobody.
      if (!local.isAlive()) return;
      let done = false;
      const end = (run: () => void) => {
        local.whenRunning(() => {
          if (done) return;
          done = true;
          timer.cancel();
          signal?.removeEventListener('abort', aborted);
          run();
        });
      };
      const aborted = () => end(() => reject(new QuarryError('INTERRUPTED', 'cancelled')));
      signal?.addEventListener('abort', aborted);
      const timer = this.#time.at(timeoutMs, () =>
        end(() => reject(new QuarryError('DEADLINE', `no answer from ${address} in time`))),
      );
      const answer = (outcome: { bytes: Buffer } | { error: QuarryError }) => {
        const backMs = this.travelMs(nodeOf(address), local.node);
        if (backMs === undefined) return;
        this.#time.at(backMs, () =>
          end(() =>
            'bytes' in outcome ? resolve(method.responseDeserialize(outcome.bytes)) : reject(outcome.error),
          ),
        );
      };
      const deliver = () => {
        const door = this.#rpcDoors.get(address);
        if (door === undefined || !door.process.isAlive()) {
          answer({ error: new QuarryError('PEER_UNREACHABLE', `cannot reach ${address}`) });
          return;
        }
        const served = (outcome: Parameters<typeof answer>[0]) =>
          door.process.whenRunning(() => answer(outcome));
        door.process.whenRunning(() => {
          door.serve(method.path, bytes).then(
            (response) => served({ bytes: response }),
            (thrown: unknown) => served({ error: QuarryError.fromWire(QuarryError.from(thrown).toWire()) }),
          );
        });
      };
      const copies = this.#random.chance(this.weather.duplicateProbability) ? 2 : 1;
      for (let i = 0; i < copies; i++) {
        const thereMs = this.travelMs(local.node, nodeOf(address));
        if (thereMs !== undefined) this.#time.at(thereMs, deliver);
      }
    });
  }

  #connect(local: SimProcess, address: string, timeoutMs: number): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      if (!local.isAlive()) return;
      const travelMs = this.travelMs(local.node, nodeOf(address));
      if (travelMs === undefined) {
        this.#time.at(timeoutMs, () =>
          local.whenRunning(() => reject(new QuarryError('DEADLINE', `no connection to ${address}`))),
        );
        return;
      }
      this.#time.at(2 * travelMs, () => {
        const door = this.#byteDoors.get(address);
        if (door === undefined || !door.process.isAlive()) {
          reject(new QuarryError('PEER_UNREACHABLE', `cannot connect to ${address}`));
          return;
        }
        const [near, far] = SimStream.pair(this, local, door.process);
        for (const stream of [near, far]) {
          this.#streams.add(stream);
          stream.once('close', () => this.#streams.delete(stream));
        }
        door.process.whenRunning(() => door.accept(far));
        local.whenRunning(() => resolve(near));
      });
    });
  }
}

/** One end of a connection. A chunk is written when the one before has arrived, so order is kept; while the two nodes are cut off they wait, as TCP's would. */
class SimStream extends Duplex {
  readonly local: SimProcess;
  readonly #network: SimNetwork;
  #peer!: SimStream;
  #resume: (() => void) | undefined;

  private constructor(network: SimNetwork, local: SimProcess) {
    super({ allowHalfOpen: true });
    this.#network = network;
    this.local = local;
  }

  static pair(network: SimNetwork, a: SimProcess, b: SimProcess): [SimStream, SimStream] {
    const near = new SimStream(network, a);
    const far = new SimStream(network, b);
    near.#peer = far;
    far.#peer = near;
    return [near, far];
  }

  /** The connection breaks for both ends. */
  reset(): void {
    const peer = this.#peer;
    this.destroy();
    this.#network.after(1, () => {
      peer.local.whenRunning(() => peer.destroy(new Error('connection reset')));
    });
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const bytes = Buffer.from(chunk);
    if (this.#network.willReset()) {
      this.reset();
      done(new Error('connection reset'));
      return;
    }
    this.#deliver(() => {
      if (this.#peer.push(bytes)) done();
      else this.#peer.#resume = () => done();
    });
  }

  override _final(done: (error?: Error) => void): void {
    this.#deliver(() => {
      this.#peer.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const peer = this.#peer;
    this.#deliver(() => {
      if (!peer.destroyed) peer.destroy(error === null ? undefined : new Error('connection reset'));
    });
    done(error);
  }

  #deliver(run: () => void): void {
    const travelMs = this.#network.travelMs(this.local.node, this.#peer.local.node);
    if (travelMs === undefined) {
      // Lost on the way: sent again by the transport below, a little later.
      this.#network.after(200, () =>
        this.destroyed && this.#peer.destroyed ? undefined : this.#deliver(run),
      );
      return;
    }
    // What the network has taken waits in front of a stopped process.
    this.#network.after(travelMs, () =>
      this.#peer.local.whenRunning(() => {
        if (!this.#peer.destroyed) run();
      }),
    );
  }
}

function nodeOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

function pair(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
