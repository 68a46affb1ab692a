import { logSuite } from '../../conformance/log/log-suite.ts';
import { startKafkaBroker } from '../../services/kafka-broker.ts';

logSuite('Kafka', async () => {
  const broker = await startKafkaBroker({ quick: true });
  return {
    url: broker.url,
    down: () => broker.kill(),
    restore: () => broker.restart(),
    async crash() {
      await broker.kill();
      await broker.restart();
    },
    stop: () => broker.stop(),
  };
});
