// Describes the DAGs of one file: a JSON object on file descriptor 3. In a process of its own, because the file is a program.
import { writeSync } from 'node:fs';
import { QuarryError } from '../../common/quarry-error.ts';
import { dagModelOf } from '../model/dag-model-of.ts';
import type { Description } from './describe-dag-file.ts';
import { loadDagFile } from './load-dag-file.ts';

const MESSAGE_FD = 3;

async function describe(file: string): Promise<Description> {
  try {
    const dags = await loadDagFile(file);
    return { dags: dags.map((dag) => dagModelOf(dag, file)) };
  } catch (thrown) {
    return { error: QuarryError.from(thrown).toWire() };
  }
}

// Nobody waits for the answer of a service that was killed.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();
const message = Buffer.from(JSON.stringify(await describe(process.argv[2] ?? '')));
for (let sent = 0; sent < message.length; ) sent += writeSync(MESSAGE_FD, message, sent);
process.exit(0);
