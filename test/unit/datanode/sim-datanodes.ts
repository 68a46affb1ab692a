import { resolveConfig } from '../../../common/config.ts';
import { Datanode } from '../../../datanode/datanode.ts';
import { SimWorld } from '../../sim/sim-world.ts';
import { FakeNamenode, NAMENODE } from './fake-namenode.ts';

/** Whole datanodes in virtual time, and a namenode that only listens and orders. */
export class SimDatanodes {
  readonly world: SimWorld;
  readonly namenode = new FakeNamenode();
  readonly nodes = new Map<string, Datanode>();
  readonly #names: readonly string[];

  constructor(seed: number, names: readonly string[], settings: Record<string, string> = {}) {
    this.world = new SimWorld(seed);
    this.#names = names;
    this.world.add('nn', async (seams) => {
      await this.namenode.serve(seams);
      return { close: () => Promise.resolve() };
    });
    const config = resolveConfig({ 'datanode.scrubIntervalMs': '2000000000', ...settings });
    for (const name of names) {
      this.world.add(name, async (seams) => {
        const options = {
          nodeId: name,
          namenodeAddress: NAMENODE,
          hostLabel: name,
          dataAddress: `${name}:9866`,
          grpcAddress: `${name}:9868`,
          unixSocket: '',
          httpAddress: '',
        };
        const node = await Datanode.start(options, config, seams);
        this.nodes.set(name, node);
        return node;
      });
    }
  }

  /** Runs `scenario` with everything started. */
  async run(scenario: () => Promise<void>, limitMs = 600_000): Promise<void> {
    const all = async () => {
      await this.world.start('nn');
      for (const name of this.#names) await this.world.start(name);
      await scenario();
    };
    await this.world.time.until(all(), limitMs);
  }

  node(name: string): Datanode {
    return this.nodes.get(name)!;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.world.time.at(delayMs, resolve));
  }

  /** Waits in virtual time. */
  async eventually(condition: () => boolean): Promise<void> {
    for (let tries = 0; tries < 1000 && !condition(); tries++) await this.sleep(100);
    if (!condition()) throw new Error('it has not come to pass');
  }
}
