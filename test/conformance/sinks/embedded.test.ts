import { QuarryView } from '../../../sinks/quarry/quarry-view.ts';
import { describeKeyValueView } from './key-value-view.suite.ts';
import { startViews } from './views-process.ts';

// The tables' suite is in test/cluster/views.test.ts: in one process an instance of the kernel outlives its end, until the collector has
// found what it answered, and a second one on the same file is what a process of its own cannot have.
describeKeyValueView('services/views', async () => {
  const server = await startViews();
  const view = new QuarryView(server.address);
  return {
    view,
    restart: async () => {
      await server.end();
      await server.start();
    },
    kill: () => server.end(),
    start: () => server.start(),
    dispose: async () => {
      await view.close();
      await server.dispose();
    },
  };
});
