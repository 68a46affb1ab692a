import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Scenario } from './scenario.ts';
import { runLine } from './scenario-commands.ts';

// Each .txt is a story: commands, `----`, the whole trace of what the namenode did. After a change of behaviour that is
// wanted, `npx vitest run --project unit test/scenarios -u` writes the traces anew; commit them only if you understand
// what changed them.
const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt'));

it.each(files)('%s', async (file) => {
  const path = join(import.meta.dirname, file);
  const scenario = new Scenario();
  const blocks: string[] = [];
  try {
    for (const block of readFileSync(path, 'utf8').trim().split(/\n\n+/)) {
      const input = block.split('\n----')[0]!;
      if (input.startsWith('#')) {
        blocks.push(block);
        continue;
      }
      const traces: string[] = [];
      for (const line of input.split('\n')) traces.push(await runLine(scenario, line));
      blocks.push(`${input}\n----\n${traces.join('\n')}`);
    }
  } finally {
    await scenario.close();
  }
  await expect(`${blocks.join('\n\n')}\n`).toMatchFileSnapshot(path);
});
