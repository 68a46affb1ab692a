import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpDoor } from '../../../../common/http-door.ts';
import { serveStatus } from '../../../../namenode/doors/http-door.ts';
import { checkBindHost } from '../../../../common/bind-host.ts';
import { TestNamenode } from '../test-namenode.ts';

let namenode: TestNamenode;
let door: HttpDoor;
beforeEach(async () => {
  namenode = new TestNamenode();
  await namenode.start();
  door = await serveStatus(namenode.running.shell, namenode.clock, { host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await door.close();
  await namenode.close();
});

function get(
  path: string,
  options: { host?: string; method?: string } = {},
): Promise<{ status: number; body: string }> {
  const [hostname, port] = door.address.split(':');
  return new Promise((resolve, reject) => {
    const call = request(
      {
        hostname,
        port,
        path,
        method: options.method ?? 'GET',
        headers: { host: options.host ?? door.address },
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    call.on('error', reject);
    call.end();
  });
}

describe('HTTP door', () => {
  it('shows the status to people, programs and Prometheus', async () => {
    await namenode.mkdirs('/a');
    await namenode.register('<script>alert(1)</script>');
    const status = JSON.parse((await get('/status.json')).body) as {
      directoryCount: number;
      safeMode: boolean;
    };
    expect(status).toMatchObject({ directoryCount: 2, safeMode: false });
    const metrics = (await get('/metrics')).body;
    expect(metrics).toContain('quarry_namenode_directories 2\n');
    expect(metrics).toContain('quarry_namenode_calls_total{op="mkdirs"} 1\n');
    expect(metrics).toContain('quarry_namenode_datanodes{state="live"} 1\n');
    const page = (await get('/')).body;
    expect(page).toContain('Datanodes');
    expect(page).not.toContain('<script>');
  });

  it('answers only to this machine by its own name, and only reads', async () => {
    expect((await get('/', { host: 'evil.example' })).status).toBe(403);
    expect((await get('/', { host: 'localhost.evil.example' })).status).toBe(403);
    expect((await get('/', { host: 'localhost:1' })).status).toBe(200);
    expect((await get('/', { method: 'POST' })).status).toBe(405);
    expect((await get('/../../etc/passwd')).status).toBe(404);
  });

  it('says which address is taken', async () => {
    const port = Number(door.address.split(':')[1]);
    await expect(
      serveStatus(namenode.running.shell, namenode.clock, { host: '127.0.0.1', port }),
    ).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  });
});

it('a bind address that is not loopback is refused', () => {
  expect(() => checkBindHost('0.0.0.0')).toThrow(/without any authentication/);
  checkBindHost('127.0.0.1');
});
