import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpDoor } from '../../../../common/http-door.ts';
import { serveJobs } from '../../../../driver/http/http-door.ts';
import type { JobRecord } from '../../../../driver/schedule/job-history.ts';

const job: JobRecord = {
  jobId: 'job-1',
  name: 'SELECT "<b>" FROM t',
  sessionId: 's',
  operationId: 'o',
  state: 'failed',
  submittedMs: 1_000,
  finishedMs: 1_250,
  error: { code: 'BAD_DATA', message: 'not <Parquet>', details: {} },
  locality: { localTasks: 1, remoteTasks: 0, localBytes: 2_048, remoteBytes: 0 },
  stages: [
    {
      stage: 0,
      label: 'scan t',
      parents: [],
      taskCount: 1,
      state: 'done',
      tasks: [
        {
          partition: 0,
          attempt: 0,
          executor: 'ex1',
          node: 'dn1',
          state: 'failed',
          startedMs: 1_000,
          finishedMs: 1_100,
          local: true,
          localBytes: 2_048,
          remoteBytes: 0,
          rowsRead: 3,
          rowsWritten: 0,
          shuffleReadBytes: 0,
          shuffleWriteBytes: 0,
          error: 'BAD_DATA: not <Parquet>',
        },
      ],
    },
  ],
  events: [],
};

let door: HttpDoor;
beforeEach(async () => {
  const history = { list: () => [job], get: (id: string) => (id === 'job-1' ? job : undefined) };
  const executors = () => [
    { id: 'ex1', incarnation: 'i', node: 'dn1', taskAddress: 't', shuffleAddress: 's', slots: 2 },
  ];
  door = await serveJobs({ history, executors }, '127.0.0.1', 0);
});
afterEach(() => door.close());

function get(path: string, host = door.address, method = 'GET'): Promise<{ status: number; body: string }> {
  const [hostname, port] = door.address.split(':');
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers: { host } }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    })
      .on('error', reject)
      .end();
  });
}

describe('the jobs door', () => {
  it('lists jobs without their details, and gives one whole', async () => {
    const [summary] = JSON.parse((await get('/api/jobs')).body) as object[];
    expect(summary).toMatchObject({
      jobId: 'job-1',
      state: 'failed',
      durationMs: 250,
      stageCount: 1,
      taskCount: 1,
    });
    expect(summary).not.toHaveProperty('stages');
    expect(JSON.parse((await get('/api/jobs/job-1')).body)).toEqual(JSON.parse(JSON.stringify(job)));
    expect(JSON.parse((await get('/api/executors')).body)).toMatchObject([{ id: 'ex1' }]);
    expect((await get('/api/jobs/job-9')).status).toBe(404);
    expect((await get('/jobs/%E0%A4')).status).toBe(404);
  });

  it('shows pages in which names and errors are text', async () => {
    const { body } = await get('/');
    expect(body).toContain('SELECT &quot;&lt;b&gt;&quot; FROM t');
    const page = (await get('/jobs/job-1')).body;
    expect(page).toContain('BAD_DATA: not &lt;Parquet&gt;');
    expect(page).toContain('ex1 on dn1');
    expect(`${body}${page}`).not.toContain('<b>');
  });

  it('answers this machine alone, and only reads', async () => {
    expect((await get('/api/jobs', 'evil.example:4040')).status).toBe(403);
    expect((await get('/api/jobs', 'localhost:1')).status).toBe(200);
    expect((await get('/api/jobs', door.address, 'POST')).status).toBe(405);
  });

  it('says when its port is taken', async () => {
    const port = Number(door.address.split(':')[1]);
    const history = { list: () => [], get: () => undefined };
    await expect(serveJobs({ history, executors: () => [] }, '127.0.0.1', port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
  });
});
