import { MemoryLevel } from 'memory-level';
import { expect, it } from 'vitest';
import type { LevelStore } from '../../../../common/seams/disk.ts';
import { newTask, type StateRecord } from '../../../../workflow/core/records.ts';
import { WorkflowStore } from '../../../../workflow/store/workflow-store.ts';

function database() {
  return new MemoryLevel<Buffer, Buffer>({ keyEncoding: 'buffer', valueEncoding: 'buffer' });
}
const entry = (taskId: string): StateRecord => ({ kind: 'task', record: newTask('d', 'r', taskId) });

async function filled() {
  const db = database();
  const store = new WorkflowStore(db as unknown as LevelStore);
  await store.load();
  for (const id of ['a', 'b', 'c']) await store.write([{ put: entry(id) }]);
  return db;
}

it('gives back what was written, without what was deleted', async () => {
  const db = await filled();
  const store = new WorkflowStore(db as unknown as LevelStore);
  expect((await store.load()).length).toBe(3);
  await store.write([{ delete: { kind: 'task', key: 'd\u0000r\u0000b' } }, { put: entry('e') }]);
  const again = await new WorkflowStore(db as unknown as LevelStore).load();
  expect(again.map(({ record }) => 'taskId' in record && record.taskId)).toEqual(['a', 'c', 'e']);
});

it('keeps a bounded number of transaction records', async () => {
  const db = database();
  const store = new WorkflowStore(db as unknown as LevelStore);
  await store.load();
  for (let i = 0; i < 300; i++) await store.write([{ put: entry('a') }]);
  expect((await db.keys().all()).length).toBe(257);
  expect((await new WorkflowStore(db as unknown as LevelStore).load()).length).toBe(1);
});

it('says so when a record is damaged', async () => {
  const db = await filled();
  const [key] = (await db.keys().all()).filter((each) => each.toString().startsWith('task'));
  const value = (await db.get(key!))!;
  value.writeUInt8(value.readUInt8(9) ^ 1, 9);
  await db.put(key!, value);
  await expect(new WorkflowStore(db as unknown as LevelStore).load()).rejects.toThrow(
    /does not match its checksum/,
  );
});

it('says so when a batch in the midst is missing', async () => {
  const db = await filled();
  const transactions = (await db.keys().all()).filter((each) => each.toString().startsWith('transaction'));
  await db.del(transactions[1]!);
  await expect(new WorkflowStore(db as unknown as LevelStore).load()).rejects.toThrow(
    /transactions between 1 and 3 are missing/,
  );
});
