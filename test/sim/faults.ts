import type { SimCluster } from './sim-cluster.ts';

/** One kind of fault. A run turns a random subset of the kinds on; each strikes again and again until the faults end. */
export interface Fault {
  readonly name: string;
  /** Strikes once; resolves when the fault has passed. */
  strike(cluster: SimCluster): Promise<void>;
}

/** A second datanode is left alone while this many are down: the promise is about two durable replicas. */
const DOWN_MAX = 2;

const crashDatanode: Fault = {
  name: 'crash datanode',
  async strike(cluster) {
    const up = cluster.datanodes.filter((name) => cluster.world.isUp(name));
    if (cluster.datanodes.length - up.length >= DOWN_MAX || up.length === 0) return;
    const name = cluster.random.pick(up);
    cluster.world.crash(name);
    await cluster.pause(200, 15_000);
    await cluster.restart(name);
  },
};

const crashNamenode: Fault = {
  name: 'crash namenode',
  async strike(cluster) {
    if (!cluster.world.isUp('namenode')) return;
    cluster.world.crash('namenode');
    await cluster.pause(50, 4_000);
    await cluster.restart('namenode');
  },
};

const cutLink: Fault = {
  name: 'cut link',
  async strike(cluster) {
    const a = cluster.random.pick(cluster.datanodes);
    const b = cluster.random.pick([
      'namenode',
      ...cluster.clients,
      ...cluster.datanodes.filter((name) => name !== a),
    ]);
    cluster.world.network.cut(a, b);
    await cluster.pause(100, 6_000);
    cluster.world.network.heal();
  },
};

/** Every disk loses what was not synced, all in one moment: what was acknowledged must still be there. */
const powerCut: Fault = {
  name: 'power cut',
  async strike(cluster) {
    const nodes = ['namenode', ...cluster.datanodes].filter((name) => cluster.world.isUp(name));
    for (const name of nodes) cluster.world.crash(name);
    await cluster.pause(50, 3_000);
    await Promise.all(nodes.map((name) => cluster.restart(name)));
  },
};

/** Stopped, not dead: the process answers nothing for a while and then goes on with what it believed. */
const pauseNode: Fault = {
  name: 'pause node',
  async strike(cluster) {
    const name = cluster.random.pick(['namenode', ...cluster.datanodes]);
    if (!cluster.world.isUp(name)) return;
    const resume = cluster.world.freeze(name);
    await cluster.pause(500, 14_000);
    resume();
  },
};

function weather(
  name: string,
  key: 'dropProbability' | 'duplicateProbability' | 'delayProbability' | 'resetProbability',
  most: number,
): Fault {
  return {
    name,
    async strike(cluster) {
      cluster.world.network.weather[key] = (most * cluster.random.int(100)) / 100;
      await cluster.pause(500, 5_000);
      cluster.world.network.weather[key] = 0;
    },
  };
}

export const FAULTS: readonly Fault[] = [
  crashDatanode,
  crashNamenode,
  powerCut,
  pauseNode,
  cutLink,
  weather('drop messages', 'dropProbability', 0.1),
  weather('duplicate messages', 'duplicateProbability', 0.2),
  weather('delay messages', 'delayProbability', 0.1),
  weather('reset connections', 'resetProbability', 0.02),
];
