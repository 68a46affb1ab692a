import { describe, expect, it } from 'vitest';
import { LogClients } from '../../../../executor/stream/log-clients.ts';

describe("an executor's logs", () => {
  it('are one for each address and its settings', async () => {
    const clients = new LogClients('e1');
    const settings = { 'compression.type': 'lz4', 'client.id': 'c' };
    const one = clients.get('kafka://h:1', settings);
    expect(clients.get('kafka://h:1', { 'client.id': 'c', 'compression.type': 'lz4' })).toBe(one);
    expect(clients.get('kafka://h:1')).not.toBe(one);
    expect(clients.get('kafka://h:1', {})).toBe(clients.get('kafka://h:1'));
    await clients.close();
  });

  it('are asked for again when they could not be opened', async () => {
    const clients = new LogClients('e1');
    const first = clients.get('kafka://h:1', { 'compression.type': 'brotli' });
    await expect(first).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const second = clients.get('kafka://h:1', { 'compression.type': 'brotli' });
    expect(second).not.toBe(first);
    await expect(second).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await clients.close();
  });
});
