// A broker by hand or for a bench: prints its URL, and ends it on Ctrl-C, SIGTERM or when its parent lets go.
//   node --import tsx test/services/run-kafka-broker.ts
import { startKafkaBroker } from './kafka-broker.ts';

const broker = await startKafkaBroker();
const stop = () =>
  void broker.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
if (process.send === undefined) console.log(broker.url, `pid ${broker.pid}`);
else {
  process.on('disconnect', stop);
  process.send({ url: broker.url, pid: broker.pid });
}
// The broker is a child of this process: nothing else keeps it.
setInterval(() => undefined, 60_000);
