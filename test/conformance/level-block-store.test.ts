import { describeBlockStore } from './block-store.suite.ts';
import { describeStoreDurability } from './store-durability.suite.ts';
import { MemoryHarness, SystemHarness } from './store-harness.ts';

describeBlockStore('LevelDB', () => SystemHarness.make());
describeBlockStore('the simulated disk', () => MemoryHarness.make());
describeStoreDurability('LevelDB', () => SystemHarness.make());
describeStoreDurability('the simulated disk', () => MemoryHarness.make());
